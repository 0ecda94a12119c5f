"""What a person says of an anonymised copy: what becomes of which field, and how many entities make a value rare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from tidemill_operations.errors import WrongUse

Unit = Literal["hour", "day"]
RARE, MANY, NEWEST = 5, 50, 100_000
"""By default: so few entities make a value rare; more different values are not taken for a category; newest events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`fields`: what was said of each (keep, drop, hash, mask); `rounds`: to multiples of which step; `rare`: a value
    that fewer entities hold does not stay; `many`: with more different values a field must be spoken of; `shift`: each
    entity's times go back by up to so much; `truncate`: times to the beginning of their hour or day.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    rounds: Mapping[str, Fraction] = field(default_factory=dict)
    rare: int = RARE
    many: int = MANY
    shift: timedelta | None = None
    truncate: Unit | None = None
    newest: int | None = NEWEST
    since_ms: int | None = None


def said_of_fields(said: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """What was said of each field, by the option's word. Raises WrongUse for one that is spoken of twice."""
    found: dict[str, str] = {}
    for word, names in said.items():
        for name in names:
            if found.setdefault(name, word) != word:
                raise WrongUse(f"{name} is named by --{found[name]} and by --{word}: say one of them", f"--{word}")
    return found


def read_rounds(pairs: Iterable[str]) -> dict[str, Fraction]:
    """Reads FIELD=STEP pairs. Raises WrongUse for one that is not, or whose step is not above 0."""
    found: dict[str, Fraction] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        try:
            step = Fraction(text) if "/" not in text else Fraction(0)
        except ValueError:
            step = Fraction(0)
        if not (name and separator) or step <= 0:
            raise WrongUse(f"{pair!r} is not FIELD=STEP with a step above 0, such as amount=10", "--round")
        if found.setdefault(name, step) != step:
            raise WrongUse(f"{name} is rounded by two different steps: say one of them", "--round")
    return found
