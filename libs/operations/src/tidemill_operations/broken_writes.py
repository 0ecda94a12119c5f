"""Files of writes below a table's folder that were broken off: Delta Lake lists none of them, and they may hold rows,
or in its log the least and the greatest value of a column.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from tidemill.stores import is_unfinished
from tidemill_operations.backup.places import files_below, remove

YOUNG: Final = timedelta(hours=24)
"""A write that is younger may go on still."""
AT_WORK_S: Final = 2.0
"""A writer that is at work has ended such a write by then, or has begun another."""


def broken_off(uri: str, age: timedelta = YOUNG) -> list[str]:
    """Those that are of this age, by path. Raises NotPossible where the store is away."""
    before = datetime.now(UTC) - age
    return [path for path, at in _unfinished(uri).items() if at <= before]


def take_broken_off(uri: str, age: timedelta = YOUNG) -> list[str]:
    """Take them from the store; gives which they were. Raises NotPossible where the store is away."""
    found = broken_off(uri, age)
    remove(uri, found)
    return found


def may_go_on(uri: str) -> dict[str, datetime]:
    """Those that are too young to be taken, each with the time of its writing. What a writer is at is waited for, a
    moment. Raises NotPossible where the store is away.
    """
    before = datetime.now(UTC) - YOUNG
    found = {path: at for path, at in _unfinished(uri).items() if at > before}
    if found:
        time.sleep(AT_WORK_S)
        there = _unfinished(uri)
        found = {path: at for path, at in found.items() if there.get(path) == at}
    return found


def _unfinished(uri: str) -> dict[str, datetime]:
    if not uri.startswith("file:"):
        return {}  # object stores have the whole object or none
    return {path: file.written or datetime.now(UTC) for path, file in files_below(uri).items() if is_unfinished(path)}
