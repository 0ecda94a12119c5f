"""Which code made a version."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path


def code_revision(given: str = "", place: Path = Path(__file__)) -> str:
    """What the settings say; else the commit of the checkout that ``place`` lies in (with ``-dirty`` where files differ
    from it); else the package's version. Never empty.
    """
    return given or _commit(place.parent) or f"tidemill-trainer {version('tidemill-trainer')}"


def _commit(folder: Path) -> str:
    described = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(described, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
