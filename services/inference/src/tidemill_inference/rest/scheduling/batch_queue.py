"""Large requests: worked in a few threads that the models take in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidemill_inference import metrics


class LineFull(Exception):
    """More wait for a model already than may."""

    def __init__(self, model: str) -> None:
        super().__init__(f"too many large requests of {model} wait already")
        self.model = model


class BatchLine:
    """`threads` pieces of work at a time, whoever asks. Who waits is let in by model: the model whose turn is longest
    ago goes first, so that a model waits for one piece of each of the others and not for all of theirs; within a
    model in order. Belongs to one event loop.
    """

    def __init__(self, threads: int, most_waiting: int) -> None:
        """`most_waiting`: of one model; the next one is refused."""
        self._free = threads
        self._most_waiting = most_waiting
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self._last_turn: dict[str, int] = {}
        self._turns = 0

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Within the block one of the pieces is the caller's. Raises LineFull."""
        if self._free:
            self._free -= 1
            self._note(model)
        else:
            await self._wait(model)
        try:
            yield
        finally:
            self._give_back()

    async def _wait(self, model: str) -> None:
        line = self._lines.setdefault(model, deque())
        if len(line) >= self._most_waiting:
            metrics.REFUSED_BUSY.labels(model).inc()
            raise LineFull(model)
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the place in the same moment
                self._give_back()
            raise

    def _give_back(self) -> None:
        """Hand the place to whoever is next, or keep it free."""
        while self._lines:
            model = min(self._lines, key=lambda name: self._last_turn.get(name, 0))
            turn = self._lines[model].popleft()
            if not self._lines[model]:
                del self._lines[model]
            if not turn.done():
                turn.set_result(None)
                self._note(model)
                return
        self._free += 1

    def _note(self, model: str) -> None:
        self._turns += 1
        self._last_turn[model] = self._turns
