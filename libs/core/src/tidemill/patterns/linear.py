"""Compiled patterns that say whether a text holds a match, in time linear in the text whatever the pattern.

Python's own engine tries one way after another: `(a+)+$`, or a LIKE with a few `%`, takes minutes to years for one
long text. RE2 follows all ways at once (Cox, "Regular Expression Matching Can Be Simple And Fast", 2007).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from tidemill.patterns.translate import PatternError, marked, translate

__all__ = ["LONGEST_PATTERN", "LONGEST_TEXT", "Pattern", "PatternError", "like", "regex"]

LONGEST_PATTERN = 10_000
"""Characters."""
LONGEST_TEXT = 1_000_000
"""Characters. Linear is not free: what is longer is not looked into, and rules count it as broken."""
LARGEST_PROGRAM = 20_000
"""Steps of a compiled pattern."""
MOST_WORK = 200_000_000
"""Steps times characters. Where a pattern's automaton has too many states every character may cost every step, some
30 million of them a second: so the larger a pattern, the shorter a text it is looked for in."""
_MEMORY = 32 * 1024 * 1024
_ANYWHERE = re2._Anchor.UNANCHORED


class Pattern:
    """Immutable, safe to share between threads."""

    __slots__ = ("_marks", "_match", "_match_marked", "for_re2", "longest_text")

    def __init__(self, plain: str, with_marks: str = "", marks: int = 0) -> None:
        """Raises PatternError where it is too large."""
        self._match, steps = _compiled(plain)
        self._match_marked = None
        if marks:
            self._match_marked, more = _compiled(with_marks)
            steps = max(steps, more * (1 + marks))
        self._marks = marks
        self.for_re2 = None if marks else plain
        """The same in RE2's syntax, for another that speaks it; None where that would not be the same."""
        self.longest_text = min(LONGEST_TEXT, MOST_WORK // max(steps, 1))
        """Characters; a longer text is not looked into."""

    def found_in(self, text: str) -> bool:
        """Whether a match is somewhere in the text, which must not be longer than `longest_text`."""
        if self._match_marked is not None and not (text and text.isascii()):
            data, match = _bytes(marked(text, self._marks)), self._match_marked
        else:
            data, match = _bytes(text), self._match
        return match(_ANYWHERE, data, 0, len(data))[0][0] >= 0  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def regex(pattern: str) -> Pattern:
    """A regular expression of Python's. Raises PatternError."""
    _bounded(pattern)
    found = translate(pattern)
    return Pattern(found.plain, found.with_marks, found.boundaries)


@lru_cache(maxsize=1024)
def like(pattern: str) -> Pattern:
    """SQL's LIKE, about the whole text: % is any text, _ one character, case counts. Raises PatternError."""
    _bounded(pattern)
    parts = {"%": "(?s:.*)", "_": "(?s:.)"}
    middle = "".join(parts.get(char) or rf"\x{{{ord(char):x}}}" for char in pattern)
    return Pattern(rf"\A{middle}\z")


def _bounded(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"has more than {LONGEST_PATTERN:,} characters: use several")


def _compiled(pattern: str) -> tuple[Any, int]:
    """RE2's own function, without the layer over it that makes Python's match objects: a third of the cost."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        made = re2.compile(_bytes(pattern), options)
    except re2.error as error:
        said = error.args[0]
        raise PatternError(
            f"cannot be looked for in linear time: {said.decode(errors='replace') if isinstance(said, bytes) else said}"
        ) from error
    if made.programsize > LARGEST_PROGRAM:
        raise PatternError(
            f"is too large: it comes to {made.programsize:,} steps, more than {LARGEST_PROGRAM:,}. Repeat fewer times "
            r"({1,50} for {1,500}), or simpler things ([0-9A-Za-z] for \w)"
        )
    return made._regexp.Match, made.programsize


def _bytes(text: str) -> bytes:
    """A lone surrogate, which is no character, becomes what is none in RE2 either."""
    return text.encode("utf-8", "replace") if not text.isascii() else text.encode()
