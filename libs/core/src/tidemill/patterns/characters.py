"""Sets of characters as ranges of code points, with the classes and letter cases of Python's own engine."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache

__all__ = ["ALL", "NOTHING", "Ranges", "case_variants", "category", "complement", "merged", "written"]

Ranges = tuple[tuple[int, int], ...]
"""First and last code point of each range: ascending, apart, none of them a surrogate."""

_SURROGATES = range(0xD800, 0xE000)
ALL: Ranges = ((0, _SURROGATES.start - 1), (_SURROGATES.stop, sys.maxunicode))
NOTHING = r"[^\x{0}-\x{10ffff}]"


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The union; what no text can hold is left out."""
    result: list[list[int]] = []
    for low, high in sorted(_storable(ranges)):
        if result and low <= result[-1][1] + 1:
            result[-1][1] = max(result[-1][1], high)
        else:
            result.append([low, high])
    return tuple((low, high) for low, high in result)


def _storable(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for low, high in ranges:
        for first, last in ALL:
            if low <= last and high >= first:
                yield max(low, first), min(high, last)


def complement(ranges: Ranges) -> Ranges:
    """All other characters."""
    found, at = [], 0
    for low, high in ranges:
        if low > at:
            found.append((at, low - 1))
        at = high + 1
    return merged([*found, (at, sys.maxunicode)] if at <= sys.maxunicode else found)


@cache
def category(name: str, ascii_only: bool) -> Ranges:
    """What `\\d`, `\\s` or `\\w` (by its letter) stands for in Python."""
    match = re.compile(rf"\{name}", re.ASCII if ascii_only else 0).match
    return merged((point, point) for point in range(sys.maxunicode + 1) if match(chr(point)))


@cache
def _cases() -> dict[str, set[str]]:
    """Characters that may be cases of one letter, by the first character of any of their foldings."""
    pools: dict[str, set[str]] = {}
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        keys = {folded[0] for folded in (char.lower(), char.upper(), char.casefold())}
        if keys != {char}:
            for key in keys:
                pools.setdefault(key, {key}).add(char)
    return pools


@cache
def _variants(point: int, ascii_only: bool) -> tuple[int, ...]:
    char = chr(point)
    pools = _cases()
    near = {char}.union(*(pools.get(f[0], set()) for f in (char.lower(), char.upper(), char.casefold())))
    near = near.union(*(pools.get(f[0], set()) for c in near for f in (c.lower(), c.upper(), c.casefold())))
    same = re.compile(re.escape(char), re.IGNORECASE | (re.ASCII if ascii_only else 0)).fullmatch
    return tuple(ord(c) for c in near if same(c))


def case_variants(ranges: Ranges, ascii_only: bool) -> Ranges:
    """The characters with all that Python takes for another case of them."""
    cased = _cased()
    extra = [
        (other, other)
        for low, high in ranges
        for point in cased
        if low <= point <= high
        for other in _variants(point, ascii_only)
    ]
    return merged([*ranges, *extra])


@cache
def _cased() -> tuple[int, ...]:
    pools = _cases()
    return tuple(sorted({ord(char) for pool in pools.values() for char in pool}))


def written(ranges: Ranges) -> str:
    """As a class of RE2's."""
    if not ranges:
        return NOTHING
    return f"[{''.join(_range(low, high) for low, high in ranges)}]"


def _range(low: int, high: int) -> str:
    return rf"\x{{{low:x}}}" if low == high else rf"\x{{{low:x}}}-\x{{{high:x}}}"
