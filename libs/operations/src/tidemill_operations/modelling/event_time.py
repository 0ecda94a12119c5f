"""Which column says when an event was, and how its times are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidemill_operations.errors import WrongUse
from tidemill_operations.modelling.roles import words_of
from tidemill_operations.modelling.sample import Sample
from tidemill_operations.modelling.times import Reading, readings
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.records import TimeLine

USUAL: Final = ("event_time", "timestamp", "time", "at", "ts", "datetime", "date", "event_date", "event_timestamp")
BEGINNINGS: Final = ("created", "placed", "ordered", "started", "scheduled", "occurred", "event", "opened", "booked")
TIME_WORDS: Final = ("at", "time", "date", "ts", "timestamp", "datetime", "day", "when")


@dataclass(frozen=True, slots=True)
class EventTime:
    """`column`, or None with `steps` (START/STEP) for a file without times; `choices`: by which the file is read."""

    column: str | None
    reason: str
    choices: Choices
    steps: str | None = None
    assumed_zone: bool = False


def choose_event_time(sample: Sample, names: Sequence[str], asked: str | None, choices: Choices) -> EventTime:
    """The event time as asked for, or the one column of times, or the one that is called so.

    Raises WrongUse where there is none, or it cannot be told.
    """
    if asked is not None and "/" in asked and asked not in sample.frame.columns:
        try:
            TimeLine.parse(asked)
        except ValueError as error:
            raise WrongUse(str(error), "--event-time") from error
        return EventTime(None, f"the file has none: push makes them, {asked}", choices, asked)
    if asked is not None:
        found = readings(sample, asked, choices)
        if not found:
            problem = sample.problem(asked, "time", choices)
            why = f": line {problem.line} {problem.reason}" if problem else ""
            raise WrongUse(f"the column {asked!r} does not hold times{why}", "--event-time")
        return _of(asked, found, "as you said", choices)
    known = {name: found for name in names if (found := _readings(sample, name, choices))}
    if not known:
        raise WrongUse(
            f"no column of {sample.path.name} holds times: name one with --event-time COLUMN, or have them made, row "
            "by row, with --event-time START/STEP, such as 2024-01-01T00:00:00Z/10m",
            "--event-time",
        )
    name = next(iter(known)) if len(known) == 1 else _by_name(list(known))
    why = "the only column of times" if len(known) == 1 else "times, and its name says so"
    return _of(name, known[name], why, choices)


def _readings(sample: Sample, name: str, choices: Choices) -> list[Reading]:
    """Numbers are times only where the column's name says so."""
    found = readings(sample, name, choices)
    numbers = any("whole numbers" in one.reason or "%Y%m%d" in one.choices.__repr__() for one in found)
    return found if not numbers or set(words_of(name)) & set(TIME_WORDS) else []


def _by_name(names: list[str]) -> str:
    words = {name: words_of(name) for name in names}
    for usual in USUAL:
        for name, parts in words.items():
            if "_".join(parts) == usual:
                return name
    begun = [name for name, parts in words.items() if parts and parts[0] in BEGINNINGS]
    if len(begun) == 1:
        return begun[0]
    raise WrongUse(f"when was the event: {', '.join(names)}? Say --event-time COLUMN", "--event-time")


def _of(name: str, found: list[Reading], why: str, given: Choices) -> EventTime:
    forms = sorted({str(one.choices.date_format) for one in found})
    if len(found) > 1 and len(forms) > 1:
        raise WrongUse(
            f"are the times in {name!r} {' or '.join(forms)}? Every row fits both: say --date-format", "--date-format"
        )
    chosen = found[0]
    assumed = chosen.choices.timezone is not None and given.timezone is None
    zone = f", taken as {chosen.choices.timezone}" if chosen.choices.timezone is not None else ""
    return EventTime(name, f"{why}; {chosen.reason}{zone}", chosen.choices, assumed_zone=assumed)
