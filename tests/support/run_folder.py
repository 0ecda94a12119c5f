"""Folders that a test run writes to outside any one test, and that go with it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def run_folder(what: str) -> Path:
    """A new folder, readable by this user alone; removed when this process ends, not when one that it forked does."""
    folder, made_by = Path(tempfile.mkdtemp(prefix=f"tidemill-{what}-")), os.getpid()

    def remove() -> None:
        if os.getpid() == made_by:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
