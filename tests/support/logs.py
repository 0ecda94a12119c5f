"""What the processes of a test said, for the report of its failure."""

from __future__ import annotations

from pathlib import Path

LAST_CHARACTERS = 6_000
PATTERNS = ("*.log", "*.console")


def tails(folder: Path) -> list[tuple[str, str]]:
    """Name and end of every log below a folder that says anything; a broker's own records are no such log."""
    found = [path for pattern in PATTERNS for path in folder.rglob(pattern)]
    paths = sorted(path for path in found if path.is_file() and not path.stem.isdigit())
    texts = [(str(path.relative_to(folder)), path.read_text(errors="replace")) for path in paths]
    return [(name, text[-LAST_CHARACTERS:]) for name, text in texts if text.strip()]
