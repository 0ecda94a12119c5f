"""Who works at a place of backups: whoever removes objects must not meet somebody who counts on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from tidemill_operations.backup.names import new_name, taken_at
from tidemill_operations.backup.places import below, files_below, remove, write
from tidemill_operations.errors import NotPossible

RUNNING: Final = "running"
FORGOTTEN_AFTER: Final = timedelta(hours=24)
"""A claim that is older is of a process that was killed."""
WRITES, REMOVES = "writes", "removes"


@contextmanager
def claimed(url: str, what: str) -> Iterator[None]:
    """Hold the place while the block runs: many may write at once, and whoever removes is alone.

    Each first says that it is there and then looks for others, so of two that begin at once at least one sees the
    other. Raises NotPossible where it is taken.
    """
    mine = f"{what}-{new_name()}"
    place = below(url, f"{RUNNING}/{mine}")
    write(place, b"")
    try:
        for other in files_below(f"{url}/{RUNNING}"):
            if other != mine and REMOVES in (what, other.partition("-")[0]) and not _forgotten(other, mine):
                raise NotPossible(
                    f"{url} is being worked at by another process ({RUNNING}/{other}): try again when it has ended; if "
                    "it was killed, remove that file"
                )
        yield
    finally:
        remove(url, [f"{RUNNING}/{mine}"])


def _forgotten(other: str, mine: str) -> bool:
    began = taken_at(other.partition("-")[2])
    now = taken_at(mine.partition("-")[2])
    return began is None or now is None or now - began > FORGOTTEN_AFTER
