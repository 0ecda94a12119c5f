"""A regular expression of Python's as one of RE2's that is found in the same texts.

Python's own parser reads it, so there is one grammar. The engines differ in what `\\d`, `\\w`, `\\s`, `\\b`,
`$`, `\\Z` and letter case mean: all of it is written out as Python has it. What cannot be found in linear time
(look-around, references to groups) has no translation.

RE2 knows boundaries of ASCII words alone. For other texts a boundary is a mark in the text itself: before every
character and at the end stand marks that say whether Python sees one there. See `marked`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from tidemill.patterns.characters import ALL, case_variants, category, complement, merged, written

__all__ = ["PatternError", "Translation", "marked", "translate"]

BOUNDARY, INSIDE = "\U0010fffe", "\U0010ffff"
"""Marks: a boundary of a word is here, or none. Both are no characters and stay so in any version of Unicode."""
MOST_REPEATS = 1_000
_MARKS = f"[{BOUNDARY}{INSIDE}]*"
_REFUSED = {
    op.ASSERT: "look-around, (?=...) or (?<=...),",
    op.ASSERT_NOT: "look-around, (?!...) or (?<!...),",
    op.GROUPREF: r"a reference to a group, \1,",
    op.GROUPREF_EXISTS: "a condition on a group, (?(1)...),",
    op.ATOMIC_GROUP: "an atomic group, (?>...),",
    op.POSSESSIVE_REPEAT: "a possessive repeat, such as a++,",
}
_CATEGORIES = {
    op.CATEGORY_DIGIT: ("d", False),
    op.CATEGORY_NOT_DIGIT: ("d", True),
    op.CATEGORY_SPACE: ("s", False),
    op.CATEGORY_NOT_SPACE: ("s", True),
    op.CATEGORY_WORD: ("w", False),
    op.CATEGORY_NOT_WORD: ("w", True),
}


class PatternError(ValueError):
    """A pattern that cannot be looked for; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Translation:
    """`plain` is for any text where `boundaries` is 0, else for ASCII texts that are not empty; `with_marks` is
    for all others, with that many marks before each character.
    """

    plain: str
    with_marks: str
    boundaries: int


def translate(pattern: str) -> Translation:
    """Raises PatternError."""
    try:
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError, TypeError) as error:
        raise PatternError(f"is not a regular expression: {error}") from error
    plain, with_marks = _Writer(marks=False), _Writer(marks=True)
    flags = tree.state.flags
    try:
        written = plain.sequence(tree, flags, head=True, tail=True)
        if not plain.boundaries:
            return Translation(written, "", 0)
        return Translation(written, with_marks.sequence(tree, flags, head=True, tail=True), plain.boundaries)
    except RecursionError as error:
        raise PatternError("is nested too deeply") from error


def marked(text: str, count: int) -> str:
    """A text with `count` marks before each character and at its end."""
    text = text.replace(BOUNDARY, "\ufffe").replace(INSIDE, "\ufffe")
    places = {match.start() for match in re.finditer(r"\b", text)}
    if not text:
        return text  # Python sees neither here
    marks = {True: BOUNDARY * count, False: INSIDE * count}
    return "".join(f"{marks[at in places]}{char}" for at, char in enumerate(text)) + marks[len(text) in places]


class _Writer:
    """Writes one pattern. `head` and `tail`: nothing stands before, or behind, in the whole pattern."""

    def __init__(self, *, marks: bool) -> None:
        self._marks = marks
        self.boundaries = 0
        self._ascii_boundaries: set[bool] = set()

    def sequence(self, items: Any, flags: int, *, head: bool, tail: bool) -> str:
        last = len(items) - 1
        return "".join(
            self._item(code, argument, flags, head=head and n == 0, tail=tail and n == last)
            for n, (code, argument) in enumerate(items)
        )

    def _item(self, code: Any, argument: Any, flags: int, *, head: bool, tail: bool) -> str:
        if code in _REFUSED:
            raise PatternError(
                f"uses {_REFUSED[code]} which cannot be looked for in time that is linear in the text: "
                "say it without, or with several expectations (expect_column_values_to_not_match_regex)"
            )
        if code is op.LITERAL:
            return self._class([(op.LITERAL, argument)], flags)
        if code is op.NOT_LITERAL:
            return self._class([(op.NEGATE, None), (op.LITERAL, argument)], flags)
        if code is op.IN:
            return self._class(argument, flags)
        if code is op.ANY:
            return self._chars(ALL if flags & re.DOTALL else complement(((10, 10),)))
        if code is op.BRANCH:
            ways = [self.sequence(way, flags, head=head, tail=tail) for way in argument[1]]
            return f"(?:{'|'.join(ways)})"
        if code is op.SUBPATTERN:
            _, added, removed, items = argument
            return f"(?:{self.sequence(items, (flags | added) & ~removed, head=head, tail=tail)})"
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, items = argument
            return self._repeat(least, most, items, flags)
        return self._at(argument, flags, head=head, tail=tail)

    def _repeat(self, least: int, most: int, items: Any, flags: int) -> str:
        endless = most is op.MAXREPEAT or most >= op.MAXREPEAT
        if least > MOST_REPEATS or (not endless and most > MOST_REPEATS):
            raise PatternError(
                f"repeats something more than {MOST_REPEATS:,} times: "
                "expect_column_value_lengths_to_be_between bounds a text's length"
            )
        times = f"{{{least},{'' if endless else most}}}"
        return f"(?:{self.sequence(items, flags, head=False, tail=False)}){times}"

    def _at(self, place: Any, flags: int, *, head: bool, tail: bool) -> str:
        here = _MARKS if self._marks else ""
        if place in (op.AT_BOUNDARY, op.AT_NON_BOUNDARY):
            return self._boundary(place is op.AT_BOUNDARY, bool(flags & re.ASCII))
        if place in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
            if self._marks and not head:
                raise PatternError(r"has ^ or \A behind something else beside \b or \B: write it first")
            return "(?m:^)" if place is op.AT_BEGINNING and flags & re.MULTILINE else r"\A"
        if place is op.AT_END_STRING:
            return rf"{here}\z"
        if flags & re.MULTILINE:
            return f"{here}(?m:$)"
        if not tail:
            raise PatternError(r"has $ before its end, where Python also takes it for the place before a line break: "
                               r"write \Z, or put it last")  # fmt: skip
        return rf"{here}(?:\n{here})?\z"

    def _boundary(self, there: bool, ascii_only: bool) -> str:
        self._ascii_boundaries.add(ascii_only)
        if len(self._ascii_boundaries) > 1:
            raise PatternError(r"has \b or \B both with and without (?a): use one meaning of a word")
        if not ascii_only:
            self.boundaries += 1
        if self._marks:
            return BOUNDARY if there else INSIDE
        return r"\b" if there else r"\B"

    def _class(self, members: Any, flags: int) -> str:
        ascii_only, negated = bool(flags & re.ASCII), False
        ranges: list[tuple[int, int]] = []
        classes: list[tuple[int, int]] = []  # letter case is of no concern to them
        for code, argument in members:
            if code is op.NEGATE:
                negated = True
            elif code is op.CATEGORY:
                name, opposite = _CATEGORIES[argument]
                found = category(name, ascii_only)
                classes += complement(found) if opposite else found
            else:
                ranges.append((argument, argument) if code is op.LITERAL else argument)
        found = merged(ranges)
        if flags & re.IGNORECASE:
            found = case_variants(found, ascii_only)
        found = merged([*found, *classes])
        return self._chars(complement(found) if negated else found)

    def _chars(self, ranges: Any) -> str:
        if not self._marks:
            return written(ranges)
        marks = ((ord(BOUNDARY), ord(INSIDE)),)
        return _MARKS + written(complement(merged([*complement(ranges), *marks])))
