"""Unpacking within a bound: a few kilobytes of zlib or gzip may hold gigabytes."""

from __future__ import annotations

import zlib
from typing import Final, Literal

__all__ = ["TooMuch", "inflated"]

_WINDOW_BITS: Final = {"zlib": 15, "gzip": 31}


class TooMuch(ValueError):
    """There is more in it than is taken."""


def inflated(data: bytes, most: int, form: Literal["zlib", "gzip"]) -> bytes:
    """What was packed, in one piece. Raises TooMuch past `most` bytes, of which no more are unpacked; ValueError for
    what is not of that form, breaks off, or goes on behind its end.
    """
    inflater = zlib.decompressobj(_WINDOW_BITS[form])
    try:
        found = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError(f"it is not {form}: {error}") from error
    if len(found) > most:
        raise TooMuch(f"unpacked it has more than {most:,} bytes")
    if not inflater.eof:
        raise ValueError(f"it breaks off within its {form}")
    if inflater.unused_data:
        raise ValueError(f"bytes follow behind the end of its {form}")
    return found
