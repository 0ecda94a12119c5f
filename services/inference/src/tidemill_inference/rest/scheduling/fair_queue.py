"""The rule by which models share a worker."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """What waits, in a line for each model. The next turn is that of the model whose turn is longest ago; within a
    model what came first goes first. So a model waits for one turn of each of the others, and not for all of theirs.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}
        self._last_turn: dict[str, int] = {}
        self._turns = 0

    def __len__(self) -> int:
        """How many models wait."""
        return len(self._lines)

    def waiting(self, model: str) -> int:
        """How much of a model waits."""
        return len(self._lines.get(model, ()))

    def put(self, model: str, one: T) -> None:
        """It waits behind all else of its model."""
        self._lines.setdefault(model, deque()).append(one)

    def put_back(self, model: str, one: T) -> None:
        """It goes on first of its model."""
        self._lines.setdefault(model, deque()).appendleft(one)

    def next_model(self) -> str:
        """The model whose turn it is, which is its turn. Raises ValueError where nothing waits."""
        model = min(self._lines, key=lambda name: self._last_turn.get(name, 0))
        self.note(model)
        return model

    def take(self, model: str) -> T:
        """The first of a model, which must wait."""
        line = self._lines[model]
        one = line.popleft()
        if not line:
            del self._lines[model]
        return one

    def note(self, model: str) -> None:
        """A model has a turn without having waited."""
        self._turns += 1
        self._last_turn[model] = self._turns
