"""An audit waits until no transaction hides what was written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tidemill.errors import RetryLater
from tidemill_operations.audit.stable import until_stable

PART = ("clean", 0)


class Ends:
    """Says that ten records were written, and how many of them readers are shown, call by call."""

    def __init__(self, *shown: int) -> None:
        self.shown = list(shown)

    def ends(self, topics: Sequence[str], *, committed: bool = False) -> dict[tuple[str, int], int]:
        if not committed:
            return {PART: 10}
        return {PART: self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]}


def test_it_returns_once_all_that_was_written_is_shown() -> None:
    ends = Ends(7, 7, 10)
    until_stable(ends, ["clean"])  # type: ignore[arg-type]
    assert ends.shown == [10]
    until_stable(Ends(12), ["clean"])  # type: ignore[arg-type]


def test_a_transaction_that_stays_open_is_named_with_its_place() -> None:
    with pytest.raises(RetryLater, match=r"clean/0 .*find-hanging"):
        until_stable(Ends(7), ["clean"], patience_s=0.0)  # type: ignore[arg-type]
