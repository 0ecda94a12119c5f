"""From when on: `--since` of every command that has it."""

from __future__ import annotations

import time

from tidemill.contracts.quantities import parse_duration
from tidemill_expectations.times import to_millis
from tidemill_operations.errors import WrongUse


def read_since(text: str | None) -> int | None:
    """A duration back from now (`6h`), or a time (UTC where it has no offset), as Unix ms; None for None. Raises
    WrongUse.
    """
    if text is None:
        return None
    try:
        return int((time.time() - parse_duration(text).total_seconds()) * 1000)
    except ValueError:
        found = to_millis(text)
    if found is None:
        raise WrongUse(f"{text!r} is neither a duration such as 6h nor a time such as 2026-11-21T08:00Z", "--since")
    return found
