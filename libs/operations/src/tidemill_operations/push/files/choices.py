"""What a file's bytes do not say about themselves, and a person may."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TIME_UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True, slots=True)
class Choices:
    """How a file is read. The defaults guess nothing.

    `delimiter`: between cells of CSV, by the file's ending where None. `null_words`: texts that are missing, in every
    column; a quoted cell of CSV is never one. `multiline`: quoted cells may hold lines that look like rows. `timezone`:
    of times without an offset, which are refused where it is None. `date_format`: of times as text (strptime's codes),
    ISO-8601 where None. `time_unit`: of whole numbers that are times since 1970; milliseconds where None, and then a
    number that looks like another unit is refused. `as_text`: values of JSONL and Parquet are read as CSV would have
    them.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    null_words: frozenset[str] = frozenset()
    multiline: bool = False
    decimal_comma: bool = False
    timezone: tzinfo | None = None
    date_format: str | None = None
    time_unit: str | None = None
    as_text: bool = False


def parse_delimiter(text: str) -> str:
    """One character; \\t and `tab` are a tab. Raises ValueError."""
    found = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(found) != 1 or found in '"\r\n':
        raise ValueError(f"{text!r} is not one character that stands between cells, such as ; or \\t")
    return found


def parse_encoding(text: str) -> str:
    """The encoding's own name. Raises ValueError for one that Python does not know, or that is none of text."""
    try:
        found = codecs.lookup(text)
        "".encode(text)
    except LookupError:
        raise ValueError(f"{text!r} is not an encoding that is known, such as utf-8, latin-1, cp1252, utf-16") from None
    return found.name


def parse_timezone(text: str) -> tzinfo:
    """A zone of the IANA data base. Raises ValueError."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is not a time zone that is known, such as UTC or Europe/Berlin") from None
