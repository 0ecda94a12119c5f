"""The known name that is nearest to a misspelt one, for messages.

Comparing names costs microseconds each, and anybody may send as many unknown names as a body holds: so a name that was
looked up lately is not looked up again, and of new ones a process compares no more in a second than COMPARISONS.
Beyond that a message names the field and suggests nothing.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from difflib import get_close_matches

__all__ = ["COMPARISONS", "LONGEST_NAME", "Nearest", "did_you_mean"]

COMPARISONS = 2_000
"""Names compared in a second: about 40 ms of work at the most."""
LONGEST_NAME = 64
"""Nobody misspells a field by so much that a longer name is one."""
REMEMBERED = 1_024
CUTOFF = 0.6


class Nearest:
    """Looks up names, within a budget. Thread-safe."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, frozenset[str]], str | None] = OrderedDict()
        self._left = float(COMPARISONS)
        self._at = monotonic_s()

    def __call__(self, name: str, known: frozenset[str]) -> str | None:
        """The most similar of `known`; None where none is similar, or where too many names were asked for already."""
        if len(name) > LONGEST_NAME:
            return None
        with self._lock:
            key = (name, known)
            if key in self._known:
                return self._known[key]
            if not self._may(len(known)):
                return None
            near = get_close_matches(name, [word for word in known if len(word) <= LONGEST_NAME], n=1, cutoff=CUTOFF)
            self._known[key] = near[0] if near else None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return self._known[key]

    def _may(self, comparisons: int) -> bool:
        now = self._monotonic_s()
        self._left = min(float(COMPARISONS), self._left + (now - self._at) * COMPARISONS)
        self._at = now
        if comparisons > self._left:
            return False
        self._left -= comparisons
        return True


_nearest = Nearest()


def did_you_mean(name: str, known: frozenset[str]) -> str:
    """`; did you mean X?`, or nothing."""
    near = _nearest(name, known)
    return f"; did you mean {near}?" if near else ""
