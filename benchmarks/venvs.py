"""An environment for rivals that do not fit into the main lock: made once, from `rivals.txt`, by hash."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.events import HERE
from benchmarks.world import VAR

LOCK = HERE / "rivals.txt"


def interpreter() -> str:
    """Its Python; the environment is made where there is none for this lock yet (needs the package registry)."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = VAR / "venvs" / f"rivals-{digest}"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
        subprocess.run([str(python), *install], check=True)
        done.touch()
    return str(Path(python))
