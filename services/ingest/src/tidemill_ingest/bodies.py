"""From a request's body to JSON values: one object, an array of them, or one per line (NDJSON). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tidemill.json.unique_keys import loads

NDJSON_TYPES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
    }
)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of an NDJSON body that is not JSON; the other lines stand."""

    reason: str


class MalformedBody(ValueError):
    """A body that is not JSON at all. `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class TooManyItems(ValueError):
    """A body with more items than one request may have."""


def read_items(body: bytes, content_type: str | None, limit: int) -> list[Any]:
    """The items of a body in order: JSON values of any type, or `Unreadable` for a bad line of NDJSON.

    NDJSON is known by its content type, or by being JSON line by line where the whole is not. Raises
    MalformedBody, with the position, and TooManyItems above `limit`.
    """
    text = body.removeprefix(BYTE_ORDER_MARK)
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in NDJSON_TYPES:
        return _lines(text, limit)
    try:
        value = loads(text)
    except orjson.JSONDecodeError as error:
        if _looks_like_lines(text):
            return _lines(text, limit)
        raise MalformedBody(_say(error), error.lineno, error.colno) from error
    items = value if isinstance(value, list) else [value]
    if len(items) > limit:
        raise TooManyItems(f"{len(items)} items; one request takes {limit}")
    return items


def _lines(text: bytes, limit: int) -> list[Any]:
    lines = [line for line in text.split(b"\n") if line.strip()]
    if len(lines) > limit:
        raise TooManyItems(f"{len(lines)} lines; one request takes {limit}")
    return [_line(line) for line in lines]


def _line(line: bytes) -> Any:
    try:
        return loads(line)
    except orjson.JSONDecodeError as error:
        return Unreadable(f"is not JSON: {_say(error)} at column {error.colno}")


def _looks_like_lines(text: bytes) -> bool:
    """Whether the first line is a complete object and there are more."""
    first, _, rest = text.lstrip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


def _say(error: orjson.JSONDecodeError) -> str:
    return error.msg.partition(": line ")[0] or "not JSON"
