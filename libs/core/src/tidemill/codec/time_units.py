"""Whole numbers that are given as times: which of them cannot be meant as milliseconds since the epoch.

A year, a date without its dashes, days or seconds since the epoch are all valid numbers of milliseconds: of some
moment in January 1970, or in the 27th century. Each is far likelier to be what it looks like, and is refused unless its
unit is stated.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

__all__ = ["MEANT", "doubtful"]

_YEARS: Final = range(1_900, 2_101)
_DAYS: Final = range(10_957, 73_051)
"""Days since the epoch, 2000 to 2100; Excel's serial days of the same years end with the same number."""
_DATES: Final = range(19_000_101, 21_001_232)
_SECONDS: Final = range(946_684_800, 4_102_444_801)
"""Seconds since the epoch, 2000 to 2100. As milliseconds: 11 to 47 days after it."""
_MOMENTS: Final = range(19_000_101_000_000, 21_001_231_235_960)
"""YYYYMMDDHHMMSS. As milliseconds: the years 2572 to 2635."""

MEANT: Final = ((-(1 << 62), _YEARS.start - 1), (_SECONDS.stop, _MOMENTS.start - 1), (_MOMENTS.stop, 1 << 62))
"""Ranges in which every number can be meant, ends included: what lies outside is for `doubtful` to judge."""


def doubtful(number: int) -> str | None:
    """What a whole number looks like that is far likelier than its milliseconds; None where it can be meant."""
    if number in _SECONDS:
        return "seconds since 1970"
    if number in _DAYS:
        return "days since 1970"
    if number in _YEARS:
        return "a year"
    if number in _DATES and _is_date(number):
        return "a date, YYYYMMDD"
    if number in _MOMENTS and _is_moment(number):
        return "a time, YYYYMMDDhhmmss"
    return None


def _is_date(number: int) -> bool:
    try:
        date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return False
    return True


def _is_moment(number: int) -> bool:
    try:
        datetime.strptime(str(number), "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return True
