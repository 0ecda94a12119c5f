"""How the contract of a process stands, as metrics, health and `tidemill status` tell it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from tidemill.telemetry.metrics import CONTRACT_CURRENT

__all__ = ["Standing"]

SHORT: Final = 16
"""Digits of a hash that are told."""


class Standing:
    """Which contract is at work, and what was not taken up. Thread-safe."""

    def __init__(self, digest: str, models: Sequence[str], mistakes: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._digest = self._waits = ""
        self._models: tuple[str, ...] = ()
        self._mistakes: tuple[str, ...] = ()
        self.at_work(digest, models, mistakes)

    def at_work(self, digest: str, models: Sequence[str], mistakes: Sequence[str] = ()) -> None:
        """This contract is at work; `mistakes`: of files that were left out."""
        with self._lock:
            before, self._digest = self._digest, digest[:SHORT]
            self._models, self._mistakes, self._waits = tuple(sorted(models)), tuple(mistakes), ""
            if before and before != self._digest:
                CONTRACT_CURRENT.remove(before)
            CONTRACT_CURRENT.labels(self._digest).set(not self._mistakes)

    def refused(self, mistakes: Sequence[str]) -> None:
        """The files have changed and were not taken up; none: they are again what is at work."""
        with self._lock:
            self._mistakes, self._waits = tuple(mistakes), ""
            CONTRACT_CURRENT.labels(self._digest).set(not self._mistakes)

    def waits(self, why: str) -> None:
        """The files have changed, are right, and are taken up as soon as what they need is there."""
        with self._lock:
            self._waits = why
            CONTRACT_CURRENT.labels(self._digest).set(0)

    def facts(self) -> dict[str, Any]:
        """For the body of a health answer: hash and models of what is at work, mistakes with their places, what a
        change waits for (empty: for nothing).
        """
        with self._lock:
            mistakes = list(self._mistakes)
            return {"hash": self._digest, "models": list(self._models), "mistakes": mistakes, "waits": self._waits}
