"""Whether models share the event loop at the moment."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_S = 60.0
"""Taking turns costs rounds of the loop, some 80 µs each; where for so long only one model was asked there are none."""


class Sharing:
    """Sees who is asked. Belongs to one event loop."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._latest = ""
        self._until_s = float("-inf")

    def note(self, model: str) -> None:
        """A model is asked."""
        if model != self._latest:
            if self._latest:
                self._until_s = self._monotonic_s() + WINDOW_S
            self._latest = model

    @property
    def several(self) -> bool:
        """Whether more than one was asked of late."""
        return self._monotonic_s() <= self._until_s
