"""`--since`, the same for every command that has it."""

from __future__ import annotations

import time

import pytest

from tidemill_operations.errors import WrongUse
from tidemill_operations.since import read_since


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-21T08:00Z", 1_795_248_000_000),
        ("2026-11-21T08:00", 1_795_248_000_000),
        ("2026-11-21T10:00+02:00", 1_795_248_000_000),
        ("2026-11-21", 1_795_219_200_000),
    ],
)
def test_a_time_is_utc_where_it_has_no_offset(text: str, ms: int) -> None:
    assert read_since(text) == ms


def test_a_duration_is_back_from_now_and_nothing_is_nothing() -> None:
    found = read_since("6h")
    assert found is not None and abs(found - (time.time() - 6 * 3_600) * 1_000) < 60_000
    assert read_since(None) is None


@pytest.mark.parametrize("text", ["", "yesterday", "6", "6 hours ago", "2026-13-01", "9" * 400 + "d", "99999999w"])
def test_what_is_neither_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(WrongUse, match="neither a duration such as 6h nor a time") as refused:
        read_since(text)
    assert refused.value.option == "--since"
