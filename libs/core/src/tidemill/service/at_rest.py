"""Work that another thread has a loop do when nothing of the loop's own is under way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTime
from types import TracebackType

from tidemill.errors import RetryLater

__all__ = ["AtRest"]

WAIT_S = 60.0
"""Longer than a batch takes; a loop that is held up longer is asked again."""


class AtRest:
    """Between one loop and those that ask something of it. The loop calls `turn` where it is at rest, within
    `with rest:`; outside of that nothing is under way, and what is asked is done at once.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._asked: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._running = False

    @property
    def waiting(self) -> bool:
        """Whether anything is asked. From any thread."""
        return bool(self._asked)

    def ask(self, work: Callable[[], None], timeout_s: float = WAIT_S) -> None:
        """Have `work` done, and return when it is. Raises what it raises; RetryLater where the loop does not come to it
        in time: it is not done then, and not later.
        """
        done: Future[None] = Future()
        with self._lock:
            if not self._running:
                work()
                return
            self._asked.append((work, done))
        try:
            done.result(timeout_s)
        except (NotInTime, CancelledError) as error:
            if done.cancel() or done.cancelled():
                raise RetryLater(f"what is at work has come to no rest within {timeout_s:.0f} s, or ends") from error
            done.result()

    def turn(self) -> None:
        """Do what is asked, on the loop's thread. Raises nothing."""
        while self._asked:
            work, done = self._asked.popleft()
            if done.set_running_or_notify_cancel():
                _do(work, done)

    def __enter__(self) -> AtRest:
        with self._lock:
            self._running = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._running = False
            while self._asked:
                self._asked.popleft()[1].cancel()


def _do(work: Callable[[], None], done: Future[None]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - raised where it was asked for
        done.set_exception(error)
    else:
        done.set_result(None)
