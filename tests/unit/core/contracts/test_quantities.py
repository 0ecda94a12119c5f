"""Durations and rates as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.contracts.quantities import LONGEST, milliseconds, parse_duration, parse_fits, parse_rate


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("60s", timedelta(minutes=1)),
        ("10m", timedelta(minutes=10)),
        ("12h", timedelta(hours=12)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("1_000 s", timedelta(seconds=1000)),
    ],
)
def test_durations_are_read_as_written(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "12", "h", "-1h", "0s", "1 hour", "1h30m", "1_", 12, None, True, "9" * 40 + "w"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@given(st.integers(1, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_duration_grows_with_its_number(number: int, unit: str) -> None:
    expected = number * parse_duration(f"1{unit}")
    if expected <= LONGEST:
        assert parse_duration(f"{number}{unit}") == expected
    else:
        with pytest.raises(ValueError, match="longer than can be counted: 36,525 days are the most"):
            parse_duration(f"{number}{unit}")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("3 a day", (3, timedelta(days=1))),
        ("1 an hour", (1, timedelta(hours=1))),
        ("10 per week", (10, timedelta(weeks=1))),
        ("1_000 a minute", (1000, timedelta(minutes=1))),
    ],
)
def test_rates_are_read_as_written(text: str, rate: tuple[int, timedelta]) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "a day", "0 a day", "3", "3 a year", "3 a days", 3, None])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


@given(st.integers(-(10**13), 10**13))
def test_milliseconds_are_exact(count: int) -> None:
    assert milliseconds(timedelta(milliseconds=count)) == count
    assert milliseconds(timedelta(milliseconds=count, microseconds=999)) == count


@pytest.mark.parametrize(
    ("text", "count"), [("1.001s", 1_001), ("4.35s", 4_350), ("0.29m", 17_400), ("2.3h", 8_280_000)]
)
def test_a_duration_with_a_fraction_has_its_milliseconds(text: str, count: int) -> None:
    assert milliseconds(parse_duration(text)) == count


@pytest.mark.parametrize(("text", "fits"), [("15 in 40_000", (15, 40_000)), (" 1 in 1 ", (1, 1))])
def test_a_budget_of_fits_is_read(text: str, fits: tuple[int, int]) -> None:
    assert parse_fits(text) == fits


@pytest.mark.parametrize(
    "text", ["", "15 in", "0 in 10", "11 in 10", "15 in 4e4", "15 in -1", "9" * 400 + " in 5", 15, None]
)
def test_what_is_no_budget_of_fits_is_refused_in_words(text: object) -> None:
    with pytest.raises(ValueError, match="such as `15 in 40_000`"):
        parse_fits(text)
