"""Which code made a version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tidemill import __version__


def code_revision(given: str = "", place: Path = Path(__file__)) -> str:
    """What the settings say; else the commit of the checkout that `place` lies in (with `-dirty` where files differ
    from it); else the package's version. Never empty.
    """
    return given.strip() or _commit(place) or _package()


def is_commit(revision: str) -> bool:
    """Whether it can be a commit of Git, and not the version of a package."""
    return re.fullmatch(r"[0-9a-f]{7,64}(-dirty)?", revision) is not None


def _package() -> str:
    return f"tidemill-learning {__version__}"


def _commit(place: Path) -> str:
    """Of the checkout that has this very file: an environment may lie inside a checkout of something else."""
    return _git(place.parent, "ls-files", "--error-unmatch", place.name) and _git(
        place.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"
    )


def _git(folder: Path, *arguments: str) -> str:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
