"""Durations, rates and percentages as people write them: `12h`, `3 a day`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
LONGEST = timedelta(days=36_525)
"""A hundred years: any event time plus or minus it is a date still, and what waits with it a timer can hold."""
MOST = 2**63 - 1
MILLISECOND = timedelta(milliseconds=1)
_DURATION = re.compile(r"([0-9](?:_?[0-9])*(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)")
_FITS = re.compile(r"([0-9](?:_?[0-9])*) in ([0-9](?:_?[0-9])*)")
_RATE = re.compile(r"([0-9](?:_?[0-9])*) (?:a|an|per) (minute|hour|day|week)")
_SHARE = re.compile(r"([0-9](?:_?[0-9])*(?:\.[0-9]+)?)\s*%")
_PERIODS = {"minute": _UNITS["m"], "hour": _UNITS["h"], "day": _UNITS["d"], "week": _UNITS["w"]}


def parse_duration(text: object) -> timedelta:
    """`90s`, `1.5h`, `7d`: a number and one of ms, s, m, h, d, w.

    Positive. Raises ValueError that says what is expected.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration: write a number and a unit, such as 500ms, 30s, 10m, 12h, 7d or 2w"
        )
    try:
        duration = float(match[1].replace("_", "")) * _UNITS[match[2]]
    except OverflowError:
        duration = timedelta.max
    if duration > LONGEST:
        raise ValueError(f"{text!r} is longer than can be counted: {LONGEST.days:,} days are the most")
    if duration <= timedelta(0):
        raise ValueError(f"{text!r} is not longer than nothing")
    return duration


def milliseconds(duration: timedelta) -> int:
    """A duration in whole milliseconds, exactly: no float comes in between. What is left of one is not counted."""
    return duration // MILLISECOND


def parse_rate(text: object) -> tuple[int, timedelta]:
    """`3 a day`: how many, and in how long. At least 1. Raises ValueError that says what is expected."""
    match = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    count = float(match[1].replace("_", "")) if match is not None else 0.0
    if match is None or count < 1:
        raise ValueError(f"{text!r} is not a rate: write such as `3 a day`, `1 an hour` or `10 per week`")
    if count > MOST:
        raise ValueError(f"{text!r} is more often than can be counted")
    return int(match[1].replace("_", "")), _PERIODS[match[2]]


def parse_fits(text: object, what: str = "fits") -> tuple[int, int]:
    """`15 in 40_000`: how many fits, or what else is named, in how many labelled rows; of either at least 1, and no
    more fits than rows.

    Raises ValueError that says what is expected.
    """
    match = _FITS.fullmatch(text.strip()) if isinstance(text, str) else None
    counts = [digits.replace("_", "") for digits in match.groups()] if match is not None else []
    if not counts or any(len(digits) > len(str(MOST)) for digits in counts):
        raise ValueError(f"{text!r} is no budget of {what}: write such as `15 in 40_000` ({what} in labelled rows)")
    fits, rows = map(int, counts)
    if not 1 <= fits <= rows:
        raise ValueError(
            f"{text!r}: at least one of the {what}, and no more {what} than labelled rows, such as `15 in 40_000`"
        )
    return fits, rows


def parse_share(text: object) -> float:
    """`0.1%`: a percentage from 0 to 100, as a share. Raises ValueError that says what is expected."""
    match = _SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
    percent = float(match[1].replace("_", "")) if match is not None else -1.0
    if not 0 <= percent <= 100:
        raise ValueError(f"{text!r} is not a percentage: write a number from 0 to 100 and %, such as 5% or 0.1%")
    return percent / 100
