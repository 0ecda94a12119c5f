"""Environments for rivals that do not fit into the main lock: each made once, from its lock, by hash."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.events import HERE
from benchmarks.harness.world import VAR


def interpreter(name: str = "rivals") -> str:
    """The Python of an environment; it is made where there is none for its lock yet (needs the package registry).

    `name`: of the lock, `rivals` (for the stream) or `servers`.
    """
    lock = HERE / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = VAR / "venvs" / f"{name}-{digest}"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
        subprocess.run([str(python), *install], check=True)
        done.touch()
    return str(Path(python))
