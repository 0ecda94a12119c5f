"""Both loops: requests become due, find a connection or wait for one, and are answered or fail."""

from __future__ import annotations

import asyncio
import itertools
import select
import selectors
import time
from collections import deque
from collections.abc import Iterator

from benchmarks.loadgen.answers import Answer, AnswerReader
from benchmarks.loadgen.connection import Connection
from benchmarks.loadgen.plan import MAX_REQUESTS, Plan
from benchmarks.loadgen.tally import Tally

SWEEP_S = 0.05
IDLE_S = 2.0
"""A connection that was idle for longer is not used again: the server may be closing it."""
AFTER_FAILURE_S = 0.05
"""The closed loop asks again so long after a failure: a server that is away is not hammered."""
LEAD_S = 0.05


class Driver:
    """Carries out one plan. A request is due at a moment and its latency counts from there, whether a connection was
    free then or not: what a slow server delays is not left out.
    """

    def __init__(self, plan: Plan, *, keep: bool = False) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._arrivals = [*plan.arrivals()] if plan.rate is not None else []  # before the clock starts
        self._start = time.monotonic() + LEAD_S
        self._end = self._start + plan.warm_s + plan.seconds
        self.tally = Tally(self._start + plan.warm_s, keep)
        self._reader = AnswerReader(plan.note)
        self._turn = itertools.cycle(enumerate(plan.requests))
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []  # the one used last is used next
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[float] = deque()
        self._made = self._settled = 0
        self._no_more = False

    async def run(self) -> Tally:
        """To the end: every request that was made is answered or counted as an error."""
        if self._plan.rate is None:
            for _ in range(self._plan.connections):
                self._loop.call_at(self._start, self._due)
            self._loop.call_at(self._end, self._finish)
        else:
            self._arrive(iter(self._arrivals), None)
        while not (self._no_more and self._made == self._settled):
            await asyncio.sleep(SWEEP_S)
            self._sweep()
            if time.monotonic() > self._end + self._plan.timeout_s:
                break
        self._close()
        return self.tally

    # -- requests become due

    def _arrive(self, dues: Iterator[float], due: float | None) -> None:
        """The open loop: everything that is due by now, and a timer for the next."""
        now = time.monotonic()
        while due is None or due <= now:
            if due is not None:
                self._due(due)
            after = next(dues, None)
            if after is None:
                self._finish()
                return
            due = self._start + after
        self._loop.call_at(due, self._arrive, dues, due)

    def _finish(self) -> None:
        self._no_more = True

    def _due(self, due: float | None = None) -> None:
        self._made += 1
        self._waiting.append(time.monotonic() if due is None else due)
        self._serve()

    def _again(self, delay_s: float) -> None:
        """The closed loop: one is settled, the next is due."""
        self._settled += 1
        if self._plan.rate is not None or self._no_more or self._made >= MAX_REQUESTS:
            return
        if delay_s:
            self._loop.call_later(delay_s, self._late_again)
        else:
            self._due()

    def _late_again(self) -> None:
        if not self._no_more:
            self._due()

    # -- and find a connection

    def _serve(self) -> None:
        while self._waiting and self._idle:
            connection = self._idle.pop()
            if time.monotonic() - connection.sent > IDLE_S:
                connection.close()
                continue
            number, request = next(self._turn)
            connection.send(request, self._waiting.popleft(), number)
        room = self._plan.connections - len(self._all) - len(self._opening)
        for _ in range(min(room, len(self._waiting) - len(self._opening))):
            task = self._loop.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        target = self._plan.target
        try:
            async with asyncio.timeout(self._plan.timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self, self._reader), target.host, target.port
                )
        except (OSError, TimeoutError):
            if self._waiting:
                self.tally.failed(self._waiting.popleft(), -1, "refused")
                self._again(AFTER_FAILURE_S)
            return
        self._all.add(connection)
        self._free(connection)

    def _free(self, connection: Connection) -> None:
        connection.sent = time.monotonic()
        self._idle.append(connection)
        self._serve()

    # -- what connections tell

    def answered(self, connection: Connection, answer: Answer) -> None:
        """An answer has come."""
        self.tally.answered(connection.due, connection.sent, connection.number, answer)
        if answer.last:
            connection.close()
        else:
            self._idle.append(connection)
        self._again(0.0)
        if self._waiting:
            self._serve()

    def failed(self, connection: Connection, kind: str) -> None:
        """Its request came to nothing."""
        self.tally.failed(connection.due, connection.number, kind)
        self._again(AFTER_FAILURE_S)

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._serve()

    # -- bounds

    def _sweep(self) -> None:
        too_old = time.monotonic() - self._plan.timeout_s
        for connection in [one for one in self._all if one.busy and one.sent < too_old]:
            connection.fail("timeout")

    def _close(self) -> None:
        self._no_more = True
        for due in self._waiting:
            self.tally.failed(due, -1, "unanswered")
        self._waiting.clear()
        for task in self._opening:
            task.cancel()
        for connection in [*self._all]:
            connection.fail("unanswered")


class PreciseSelector(selectors.DefaultSelector):
    """Waits to the microsecond, which epoll itself does to the millisecond: arrivals are due between those."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            if not select.select([self.fileno()], [], [], timeout)[0]:
                return []
            timeout = 0
        found: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        return found


def event_loop(plan: Plan) -> asyncio.AbstractEventLoop:
    """The closed loop waits for answers alone and does without the second call of the system."""
    return asyncio.SelectorEventLoop(PreciseSelector() if plan.rate is not None else None)
