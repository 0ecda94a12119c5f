"""Calls into the client library that may never return.

librdkafka 2.16 waits without limit for the result of `send_offsets_to_transaction` (and its kin),
whatever time-out it is given, while the group's coordinator cannot be reached. A worker must be able to
stop, and to say that it waits, nevertheless.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Stuck", "WatchedCalls"]

_SLICE_S = 0.25
_END_S = 1.0
"""An idle thread ends at once; one within a call is left to it after so long."""


class Stuck(Exception):
    """A call has not returned in time; what becomes of it is not known."""


class WatchedCalls:
    """Makes calls one after another, in a daemon thread of its own, and gives up on one after a while.

    A call that was given up goes on until it returns by itself; its result is dropped. Not thread-safe.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._requests: queue.SimpleQueue[Any] | None = None
        self._thread: threading.Thread | None = None
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None, float]] = queue.SimpleQueue()
        self._given_up = threading.Event()
        self._left: list[threading.Thread] = []
        self.ended = 0.0
        """When the last call returned of which the result was taken (`time.perf_counter`)."""

    @property
    def hanging(self) -> int:
        """How many calls were given up and have not returned by now: each keeps its client and a thread."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        return len(self._left)

    def call(self, function: Callable[..., Any], *args: Any, within_s: float) -> Any:
        """`function(*args)`: its result or exception; raises Stuck if neither came within `within_s`."""
        self.start((function, *args))
        del function  # no cycle through this frame: the client goes when its owner lets it go
        return self.result(within_s)

    def start(self, *calls: tuple[Any, ...]) -> None:
        """Make these calls, each `(function, *args)`, in order up to the first that fails; returns at once.

        Then `result` must be asked for once a call, or up to the first exception.
        """
        if self._requests is None:
            self._requests = queue.SimpleQueue()
            self._thread = threading.Thread(target=_serve, args=(self._requests,), name=self._name, daemon=True)
            self._thread.start()
        self._answers = queue.SimpleQueue()  # a late answer to what was given up goes nowhere
        self._given_up = threading.Event()
        self._requests.put((calls, self._answers, self._given_up))

    def result(self, within_s: float) -> Any:
        """The next started call's result or exception; raises Stuck if neither comes within `within_s` from now."""
        result, error, self.ended = self._answer(within_s)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error  # no cycle through this frame either

    def _answer(self, within_s: float) -> tuple[Any, BaseException | None, float]:
        """Waits in slices: while this process is frozen no time passes, and the answer may lie in the socket."""
        for left in range(math.ceil(within_s / _SLICE_S), 0, -1):
            try:
                return self._answers.get(timeout=min(_SLICE_S, within_s))
            except queue.Empty:
                if left == 1:
                    if self._thread is not None:
                        self._left.append(self._thread)
                    self._let_go()
                    raise Stuck(f"no answer within {within_s:.0f} s") from None
        raise ValueError(f"no time to wait: {within_s}")

    def close(self) -> None:
        """Let the thread end after the call that it is in; what was to follow is not begun.

        Returns when it has ended, or is still within a call after a moment: the thread holds the client of its last
        call until then, and would end that client while the process itself may be ending.
        """
        thread = self._thread
        self._let_go()
        if thread is not None:
            thread.join(_END_S)

    def _let_go(self) -> None:
        self._given_up.set()
        requests, self._requests, self._thread = self._requests, None, None
        if requests is not None:
            requests.put(None)


def _serve(requests: queue.SimpleQueue[Any]) -> None:
    while (request := requests.get()) is not None:
        calls, answers, given_up = request
        for function, *args in calls:
            if given_up.is_set():
                break
            try:
                answers.put((function(*args), None, time.perf_counter()))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                answers.put((None, error, time.perf_counter()))
                break
        del request, calls, function, args, answers  # a client that is thrown away must not live on here
