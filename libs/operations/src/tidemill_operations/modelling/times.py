"""Which columns hold times, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from tidemill_operations.modelling.sample import Sample
from tidemill_operations.push.files.choices import Choices

DAYS: Final = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y",
    "%b %d, %Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
)  # fmt: skip
CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", ", %H:%M")
COMPACT: Final = ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
FORMATS: Final = tuple(day + clock for day in DAYS for clock in CLOCKS)
UNITS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LAST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
TRIED: Final = 50
"""Cells that every format is tried on; the one that is left reads all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column's cells are times: the choices that read them, and what is to be said of it."""

    choices: Choices
    reason: str


def readings(sample: Sample, name: str, choices: Choices) -> list[Reading]:
    """All ways to read every cell of a column as a time; several where day and month cannot be told apart. What a
    person chose stands.
    """
    cells = _cells(sample, name)
    if not cells:
        return []
    return [found for found in _tried(cells, choices) if sample.read(name, "time", found.choices) is not None]


def _cells(sample: Sample, name: str) -> list[Any]:
    given = sample.frame[name]
    missing = ("", "NA", "N/A", "NULL", "null", "None")
    return [value for value in given.to_list() if value is not None and value not in missing][:TRIED]


def _tried(cells: list[Any], choices: Choices) -> Iterator[Reading]:
    if choices.date_format is not None:
        yield Reading(_in_utc(choices), f"written as {choices.date_format}")
    elif all(isinstance(cell, datetime) for cell in cells):
        yield _zoned(choices, any(cell.tzinfo is None for cell in cells), "timestamps")
    elif all(_whole(cell) for cell in cells):
        yield from _numbers([int(cell) for cell in cells], cells, choices)
    elif all(isinstance(cell, str) for cell in cells):
        yield from _texts(cells, choices)
    elif not any(isinstance(cell, bool | int | float | list | dict) for cell in cells):
        yield _zoned(choices, True, "dates")


def _texts(cells: list[str], choices: Choices) -> Iterator[Reading]:
    moments = [_iso(cell) for cell in cells]
    if all(moments):
        yield _zoned(choices, any(moment is not None and moment.tzinfo is None for moment in moments), "ISO-8601 times")
        return
    for form in FORMATS:
        if all(_is_of(cell, form) for cell in cells):
            yield Reading(_in_utc(replace(choices, date_format=form)), f"written as {form}, without an offset")


def _numbers(numbers: list[int], cells: list[Any], choices: Choices) -> Iterator[Reading]:
    for form in COMPACT:
        if all(len(str(cell)) == len(datetime.now(UTC).strftime(form)) and _is_of(str(cell), form) for cell in cells):
            yield Reading(_in_utc(replace(choices, date_format=form)), f"written as {form}, without an offset")
            return
    for unit, factor in UNITS.items():
        if choices.time_unit in (None, unit) and all(FIRST <= number / factor < LAST for number in numbers):
            stated = choices if unit == "ms" else replace(choices, time_unit=unit)
            yield Reading(stated, f"whole numbers: {unit} since 1970")


def _zoned(choices: Choices, naive: bool, what: str) -> Reading:
    if naive:
        return Reading(_in_utc(choices), f"{what} without an offset")
    return Reading(choices, f"{what} with their offset")


def _in_utc(choices: Choices) -> Choices:
    return choices if choices.timezone is not None else replace(choices, timezone=ZoneInfo("UTC"))


def _whole(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().isascii() and cell.strip().isdigit() and len(cell.strip()) <= 19
    return isinstance(cell, int) and not isinstance(cell, bool)


def _iso(text: str) -> datetime | None:
    try:
        return None if _whole(text) else datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _is_of(text: str, form: str) -> bool:
    try:
        return 1900 < datetime.strptime(text.strip(), form).year < 2200
    except ValueError:
        return False


def hours_vary(times: pl.Series) -> bool:
    """Whether the clock says anything: dates alone are all midnight."""
    return times.drop_nulls().dt.time().n_unique() > 1
