"""When a request's turn is: one scheduler for the short way, the application and large requests.

Two things are shared, and both by the rule of `FairQueue`:

- *The event loop.* What is ready when it looks is done before it looks again: thirty connections of one model would go
  before a single request of another. So one round of the loop has one turn of each model: one call for requests that
  came together, or ALONE requests where each is a call of its own. The rest waits for the next round.
- *Threads*, for large requests. One of them is a turn, and takes a thread until it ends.

Where only one model is asked it waits for no rounds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TypeAlias

from tidemill_inference import metrics
from tidemill_inference.rest.scheduling.fair_queue import FairQueue

ALONE = 2
"""Requests of a model that begin in one round where each is a call of its own. Measured: with more of them no more
requests are answered, and those of the others wait longer by as much.
"""

WINDOW_S = 60.0
"""Taking turns costs rounds of the loop, some 80 µs each; where for so long only one model was asked there are none."""

_NOBODYS = Context()
"""What is done for many is done in nobody's trace."""

Work: TypeAlias = Callable[[int], int]
"""Begins up to so many requests, or any number in one call, and gives how many of the turn that takes: a call takes
all of it. Called on the event loop; must not raise.
"""


class QueueFull(Exception):
    """More large requests of a model wait already than may."""

    def __init__(self, model: str) -> None:
        super().__init__(f"too many large requests of {model} wait already")
        self.model = model


class Scheduler:
    """Shares the event loop it belongs to, and its threads, between models."""

    def __init__(
        self,
        threads: int = 1,
        most_waiting: int = 64,
        each: int = ALONE,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`threads`: how many large requests are worked at a time; `most_waiting`: of one model, those that wait, the
        next one is refused. `each`: see ALONE.
        """
        self._each = each
        self._monotonic_s = monotonic_s
        self._rounds: FairQueue[Work] = FairQueue()
        self._begun: dict[str, int] = {}
        self._due = False
        self._latest, self._several_until_s = "", float("-inf")
        self._large: FairQueue[asyncio.Future[None]] = FairQueue()
        self._free = threads
        self._most_waiting = most_waiting

    def note(self, model: str) -> None:
        """A model is asked."""
        if model != self._latest:
            if self._latest:
                self._several_until_s = self._monotonic_s() + WINDOW_S
            self._latest = model

    @property
    def several(self) -> bool:
        """Whether more than one model was asked of late."""
        return self._monotonic_s() <= self._several_until_s

    def put(self, model: str, work: Work) -> None:
        """Have `work` begin in a turn of its model, soon and not at once."""
        self._rounds.put(model, work)
        self._call()

    def put_back(self, model: str, work: Work) -> None:
        """The same for what is left of a turn: nothing of its model goes before it."""
        self._rounds.put_back(model, work)
        self._call()

    def begin_all(self, model: str) -> None:
        """What waits of a model begins at once: for one that shares the loop with nobody."""
        for _ in range(self._rounds.waiting(model)):
            if self._rounds.waiting(model):  # what began may have had others begin
                self._rounds.take(model)(sys.maxsize)

    def turn(self, model: str) -> asyncio.Future[None] | None:
        """For a request that begins by itself. None: now. Else what to wait for first."""
        self.note(model)
        if not self._rounds.waiting(model):
            begun = self._begun.get(model, 0)
            if not self.several:
                return None
            if begun < self._each:
                self._begun[model] = begun + 1
                self._rounds.note(model)
                self._call()
                return None
        turn = asyncio.get_running_loop().create_future()
        self.put(model, lambda _: self._begin(turn))
        return turn

    @asynccontextmanager
    async def thread(self, model: str) -> AsyncIterator[None]:
        """Within the block the caller may work in a thread. Raises QueueFull."""
        if self._free:
            self._free -= 1
            self._large.note(model)
        else:
            await self._wait_for_thread(model)
        try:
            yield
        finally:
            self._hand_on()

    def _call(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._round, context=_NOBODYS)

    def _round(self) -> None:
        """One turn of each model that waits, or all of it where one model alone is asked."""
        self._due = False
        self._begun.clear()
        begin = self._begin_turn if self.several else self.begin_all
        try:
            for _ in range(len(self._rounds)):
                if self._rounds:
                    begin(self._rounds.next_model())
        finally:
            if self._rounds:
                self._call()

    def _begin_turn(self, model: str) -> None:
        left = self._each
        while left > 0 and self._rounds.waiting(model):
            left -= self._rounds.take(model)(left)
        self._begun[model] = self._each - left

    def _begin(self, turn: asyncio.Future[None]) -> int:
        self._call()  # the round after this one forgets what has begun in it
        return _begin(turn)

    async def _wait_for_thread(self, model: str) -> None:
        if self._large.waiting(model) >= self._most_waiting:
            metrics.REFUSED_BUSY.labels(model).inc()
            raise QueueFull(model)
        turn = asyncio.get_running_loop().create_future()
        self._large.put(model, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the thread in the same moment
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        """The thread goes to whoever is next, or is free."""
        while self._large:
            turn = self._large.take(self._large.next_model())
            if _begin(turn):
                return
        self._free += 1


def _begin(turn: asyncio.Future[None]) -> int:
    """0 for a client that went away, which takes nobody's turn."""
    if turn.done():
        return 0
    turn.set_result(None)
    return 1
