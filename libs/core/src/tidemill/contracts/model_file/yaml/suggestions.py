"""What a word that is not known may have been meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Collection

LONGEST_GUESS = 100


def nearest(name: str, known: Collection[str]) -> str:
    """A suggestion: the nearest of `known`, or all of them where none is near."""
    return near(name, known) or "known are " + ", ".join(known)


def near(name: str, known: Collection[str]) -> str:
    """A suggestion: the nearest of `known`, or nothing where none is near."""
    return next((f"did you mean {close!r}?" for close in close_to(name, known)), "")


def close_to(name: str, known: Collection[str]) -> list[str]:
    """The nearest of `known`; empty where none is near."""
    return difflib.get_close_matches(name[:LONGEST_GUESS], known, n=1, cutoff=0.6)
