"""Calls into the client library that may never return.

librdkafka 2.16 waits without limit for the result of ``send_offsets_to_transaction`` (and its kin),
whatever time-out it is given, while the group's coordinator cannot be reached. A worker must be able to
stop, and to say that it waits, nevertheless.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Stuck", "WatchedCalls"]

_SLICE_S = 0.25


class Stuck(Exception):
    """A call has not returned in time; what becomes of it is not known."""


class WatchedCalls:
    """Makes one call at a time, in a daemon thread of its own, and gives up on it after a while.

    A call that was given up goes on until it returns by itself; its result is dropped. Not thread-safe.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._requests: queue.SimpleQueue[Any] | None = None

    def call(self, function: Callable[..., Any], *args: Any, within_s: float) -> Any:
        """``function(*args)``: its result or exception; raises Stuck if neither came within ``within_s``."""
        if self._requests is None:
            self._requests = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._requests,), name=self._name, daemon=True).start()
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._requests.put((function, args, answer))
        result, error = self._answer(answer, within_s)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error, function  # no cycle through this frame: the client goes when its owner lets it go

    def _answer(self, answer: queue.SimpleQueue[Any], within_s: float) -> Any:
        """Waits in slices: while this process is frozen no time passes, and the answer may lie in the socket."""
        for left in range(math.ceil(within_s / _SLICE_S), 0, -1):
            try:
                return answer.get(timeout=min(_SLICE_S, within_s))
            except queue.Empty:
                if left == 1:
                    self.close()
                    raise Stuck(f"no answer within {within_s:.0f} s") from None
        raise ValueError(f"no time to wait: {within_s}")

    def close(self) -> None:
        """Let the thread end when it has nothing to do any more."""
        requests, self._requests = self._requests, None
        if requests is not None:
            requests.put(None)


def _serve(requests: queue.SimpleQueue[Any]) -> None:
    while (request := requests.get()) is not None:
        function, args, answer = request
        try:
            answer.put((function(*args), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            answer.put((None, error))
        del request, function, args, answer  # a client that is thrown away must not live on here
