"""Environments of their own for clients that do not fit into ours: made once for a lock file, by hash."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from tests.packaging.conftest import UV, clean_environment

ROOT = Path(__file__).resolve().parents[3]


def interpreter(lock: Path) -> Path:
    """The Python of an environment with exactly what a lock names; it is made (from the package registry) where there
    is none for this lock yet.
    """
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = ROOT / "var" / "venvs" / f"{lock.parent.name}-{digest}"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        _run([UV, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)])
        done.touch()
    return python


def _run(command: list[str]) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}\n{answer.stderr}"
