"""Waiting times that grow."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Doubles from `first_s` to `most_s` with full jitter above the half, so that many workers do not
    march in step.
    """

    def __init__(self, first_s: float = 0.1, most_s: float = 5.0, *, seed: int | None = None) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s
        self._random = random.Random(seed)

    def next_s(self) -> float:
        """How long to wait this time, in seconds."""
        base, self._next_s = self._next_s, min(2 * self._next_s, self._most_s)
        return base * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again: something worked."""
        self._next_s = self._first_s
