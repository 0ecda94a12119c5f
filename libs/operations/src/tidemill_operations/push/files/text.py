"""Text of a file, and other values that say less than they mean, to values as JSON would have them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from tidemill.json.values import FieldError
from tidemill_operations.push.files.choices import Choices

TRUE_WORDS: Final = frozenset({"true", "t", "yes", "y", "1"})
FALSE_WORDS: Final = frozenset({"false", "f", "no", "n", "0"})
NULL_WORDS: Final = frozenset({"", "NA", "N/A", "NULL", "null", "None"})
"""Missing in a column of numbers, times or truths, where they can be nothing else. In text they are text."""
WHOLE: Final = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)
NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?", re.ASCII)
WITH_COMMA: Final = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]{1,5})?", re.ASCII)


def read_text(text: str, kind: str, choices: Choices) -> Any:
    """What a text means where a field of `kind` is wanted: None is missing; what cannot be read stays text, which the
    field then refuses.
    """
    if kind in ("string", "other"):
        return text
    stripped = text.strip()
    if stripped in NULL_WORDS:
        return None
    if kind == "boolean":
        word = stripped.lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else stripped
    if kind == "time":
        return int(stripped) if choices.date_format is None and WHOLE.fullmatch(stripped) else stripped
    return _number(stripped, choices)


def _number(text: str, choices: Choices) -> Any:
    if choices.decimal_comma:
        if not WITH_COMMA.fullmatch(text):
            return None if text.lower() == "nan" else text
        text = text.replace(",", ".")
    if WHOLE.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        return float(text)
    return None if text.lower() == "nan" else text


def as_text(value: Any) -> Any:
    """A value as CSV would have it, where that is one text; else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else value


def read_time(value: Any, choices: Choices) -> Any:
    """A time as text of a format of its own, or without an offset, as an instant. Raises FieldError."""
    moment = value
    if isinstance(value, str):
        moment = _parsed(value, choices)
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime) or moment.tzinfo is not None or choices.timezone is None:
        return moment
    return _in_zone(moment, choices.timezone)


def _parsed(text: str, choices: Choices) -> Any:
    if choices.date_format is not None:
        try:
            return datetime.strptime(text.strip(), choices.date_format)
        except ValueError:
            raise FieldError("", f"{text[:40]!r} is not of the form {choices.date_format}") from None
    if choices.timezone is None:
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Raises FieldError for a wall time that clocks show twice, or never."""
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    try:
        if first.utcoffset() != second.utcoffset():
            raise FieldError(
                "", f"{moment.isoformat()} is there twice or never in {zone}, as clocks change: add its offset"
            )
        return first.astimezone(UTC)
    except OverflowError:
        offset = first.utcoffset() or timedelta(0)
        raise FieldError("", f"{moment.isoformat()} with the offset {offset} is outside the years 1 to 9999") from None
