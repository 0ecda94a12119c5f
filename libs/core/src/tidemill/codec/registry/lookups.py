"""What was looked up somewhere else: found for ever, not found for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

AGAIN_S: Final = 30.0
"""What was not found may be there now: a follower that lags, a schema that is registered late, one that was mended."""
MOST: Final = 10_000
"""Ids that nobody has can be made up at will: no more of them than this are kept."""


class Remembered(Generic[K, V]):
    """Keeps answers by key; those that are final for ever, others for `again_s`. For one thread."""

    def __init__(
        self,
        look_up: Callable[[K], V],
        is_final: Callable[[V], bool],
        again_s: float = AGAIN_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._is_final = look_up, is_final
        self._again_s, self._monotonic_s = again_s, monotonic_s
        self._final: dict[K, V] = {}
        self._passing: dict[K, tuple[float, V]] = {}

    def __getitem__(self, key: K) -> V:
        """The answer for a key. Raises what the look-up raises, and keeps nothing then."""
        if key in self._final:
            return self._final[key]
        known = self._passing.get(key)
        if known is not None and self._monotonic_s() < known[0]:
            return known[1]
        answer = self._look_up(key)
        self._passing.pop(key, None)
        if self._is_final(answer):
            self._final[key] = answer
        else:
            if len(self._passing) >= MOST:
                del self._passing[next(iter(self._passing))]
            self._passing[key] = (self._monotonic_s() + self._again_s, answer)
        return answer
