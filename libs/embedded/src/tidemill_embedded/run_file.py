"""One platform per data folder, and where it says what runs: `var/run/platform.json`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import IO, Any

from tidemill_embedded.errors import PlatformError

OWNER_ALONE = 0o700


class RunFile:
    """Holds the folder's lock while its platform runs; the kernel lets go of it however the process ends."""

    def __init__(self, var: Path) -> None:
        self.path = var / "run" / "platform.json"
        self._lock_path = var / "run" / "lock"
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Takes the folder, and closes it to others on the machine: topics, tables, databases and logs hold what
        was pushed. Raises PlatformError with the pid of the platform that has it.
        """
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_path.parent.parent.chmod(OWNER_ALONE)
        lock = self._lock_path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise PlatformError(
                f"a platform runs in {self._lock_path.parent.parent} already (pid {owner}). "
                "Stop it first (Ctrl-C there), or use another folder: --var FOLDER"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def write(self, facts: dict[str, Any]) -> None:
        """Replaces the file in one step: a reader finds the old facts or the new ones."""
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(facts, indent=2) + "\n")
        part.replace(self.path)

    def release(self) -> None:
        """Removes the file and lets the folder go."""
        if self._lock is not None:
            self.path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def remove_data(var: Path) -> None:
    """Empties a data folder for a fresh start. Raises PlatformError where a platform runs in it."""
    lock = RunFile(var)
    lock.acquire()
    try:
        for child in var.iterdir():
            if child.name == "run":
                continue
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
    finally:
        lock.release()
