"""What a model costs in memory: weighed while it is loaded for the first time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from tidemill.service.footprint import give_back, resident_bytes

LONGEST_WAIT_S = 10.0
"""A load that takes longer than this no longer keeps the others from beginning."""

Model = TypeVar("Model")


class Scales:
    """Loads one model at a time, so that what the process grows by is that model's, and so that no two models are
    unpacked at once.

    A model weighs what its load added to the resident memory, but at least its file. The file is the floor because a
    load fills pages first that the process has and does not use, and grows by less then; the growth counts because a
    graph can be much larger in memory than in its file (trees: five times, by ADR 4), which nobody can tell
    from the file. Unused pages are given back before and after, so that neither is counted. What other threads take
    meanwhile is counted too: a model may weigh too much, which lets go too early, not too late.
    """

    def __init__(
        self,
        resident: Callable[[], int] = resident_bytes,
        trim: Callable[[], None] = give_back,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        """`resident`: bytes that the process has; 0 where the system does not say (files alone count then)."""
        self._resident = resident
        self._trim = trim
        self._longest_wait_s = longest_wait_s
        self._turn = threading.Lock()

    def load(self, load: Callable[[], Model], size: Callable[[Model], int]) -> tuple[Model, int]:
        """The model that `load` gives, and its weight in bytes; `size`: the bytes of its file. A load that had to go
        beside a very slow one weighs its file. Raises what `load` raises.
        """
        turn = self._turn
        alone = turn.acquire(timeout=self._longest_wait_s)
        if not alone:
            self._turn = threading.Lock()  # the slow one keeps the old: the next need not wait for it as well
        try:
            self._trim()
            before = self._resident()
            model = load()
            self._trim()
            added = self._resident() - before if alone else 0
        finally:
            if alone:
                turn.release()
        return model, max(added, size(model))
