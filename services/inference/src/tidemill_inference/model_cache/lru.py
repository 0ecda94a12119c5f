"""Which models are kept loaded under a limit: the least recently used goes first. Pure; any thread may use it."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Model = TypeVar("Model")


class Shelf(Generic[Model]):
    """Models by key, each with what it costs.

    The sum of the costs is never above `limit`, but for one model that is alone larger than that: it is kept alone.
    What is let go is only forgotten here: whoever has taken a model works on with it, and it ends with its last user.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Model, int]] = OrderedDict()
        self._dropped: deque[Hashable] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """What is kept, the least recently used first."""
        with self._lock:
            return tuple(self._kept)

    @property
    def cost(self) -> int:
        """The sum of what is kept."""
        with self._lock:
            return self._sum()

    def get(self, key: Hashable) -> Model | None:
        """The model, now the most recently used one; None where it is not kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def has(self, key: Hashable) -> bool:
        """Whether it is kept; that is no use of it."""
        return key in self._kept

    def put(self, key: Hashable, model: Model, cost: int) -> list[Hashable]:
        """Keep a model, the most recently used one, and let go what is too much then; gives the keys of that."""
        with self._lock:
            ended = [*self._purge(), self._kept.pop(key, None)]
            gone = self._shrink_to(self.limit - cost)
            self._kept[key] = (model, cost)
        del ended  # not within the lock: the end of a large model takes a while
        return [gone_key for gone_key, _ in gone]

    def make_room(self, cost: int) -> list[Hashable]:
        """Let go what stands in the way of a model of that cost; gives the keys."""
        with self._lock:
            ended = self._purge()
            gone = self._shrink_to(self.limit - cost)
        del ended
        return [key for key, _ in gone]

    def drop(self, key: Hashable) -> None:
        """Forget a model that nobody will ask for again. May be called by a finalizer, which can run in a thread that
        holds the lock: then it is done by the next call.
        """
        self._dropped.append(key)
        if self._lock.acquire(blocking=False):
            try:
                ended = self._purge()
            finally:
                self._lock.release()
            del ended

    def _sum(self) -> int:
        return sum(cost for _, cost in self._kept.values())

    def _shrink_to(self, most: int) -> list[tuple[Hashable, Model]]:
        gone = []
        while self._kept and self._sum() > most:
            key, (model, _) = self._kept.popitem(last=False)
            gone.append((key, model))
        return gone

    def _purge(self) -> list[tuple[Model, int] | None]:
        """Forget what was dropped; gives it, for the caller to end it."""
        ended = []
        while self._dropped:
            ended.append(self._kept.pop(self._dropped.popleft(), None))
        return ended
