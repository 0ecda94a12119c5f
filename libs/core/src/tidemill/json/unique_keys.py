"""JSON whose objects have each key once.

RFC 8259 leaves open which value of a key that stands twice counts, and readers differ: of two values one would be lost
without a word. So such text is refused, as CSV and Parquet with two columns of one name are.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import orjson

__all__ = ["loads"]

_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")\s*(:)?|[{}]')
_SPACES = (b" ", b"\t", b"\n", b"\r")


def loads(text: bytes | str) -> Any:
    """As orjson.loads. Raises orjson.JSONDecodeError, with the place, for what is not JSON, and for a key that stands
    twice in one object.
    """
    document = orjson.loads(text)
    if isinstance(text, str):
        text = text.encode()
    ends = text.count(b'":')
    spaced = any(space in text and space + b":" in text for space in _SPACES)
    if spaced or not (_near(document, ends) == ends or _all(document) == ends):
        _look_at_each(text)
    return document


def _near(document: Any, ends: int) -> int:
    """How many keys the document has, and the objects of its lists: mostly that is all, and it is soon counted."""
    if document.__class__ is not dict:
        return _rows(document)
    keys = len(document)
    return keys if keys == ends else keys + sum([_rows(one) for one in document.values() if one.__class__ is list])


def _rows(value: Any) -> int:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return 0
    return sum([len(one) for one in value if one.__class__ is dict])


def _all(document: Any) -> int:
    """How many keys all objects have together. Text with as many ends of keys has none twice: of one that was lost
    there would be an end more.
    """
    keys, left = 0, [document]
    while left:
        one = left.pop()
        if one.__class__ is dict:
            keys += len(one)
            one = one.values()
        elif one.__class__ is not list:
            continue
        left += [inner for inner in one if inner.__class__ in (dict, list)]
    return keys


def _look_at_each(text: bytes) -> None:
    """The long way, for valid JSON: texts that look like the end of a key, or spaces before colons, are no fault."""
    open_objects: list[set[str]] = []
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token == b"{":
            open_objects.append(set())
        elif token == b"}":
            open_objects.pop()
        elif found.group(2):
            key = orjson.loads(found.group(1))
            if key in open_objects[-1]:
                _refuse(text, key, found.start())
            open_objects[-1].add(key)


def _refuse(text: bytes, key: str, at: int) -> NoReturn:
    before = text[:at].decode()
    raise orjson.JSONDecodeError(f"the key {key!r} stands twice in one object", text.decode(), len(before))
