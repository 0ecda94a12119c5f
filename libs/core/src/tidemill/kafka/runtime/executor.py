"""A thread in which batches are made while the loop reads the next one and writes the one before.

Most of the work on columns, and all of a model's, is done outside of Python's global lock: two threads are faster
than one although only one of them runs Python at a time.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tidemill.errors import TidemillError
from tidemill.kafka import metrics
from tidemill.kafka.batch import Output
from tidemill.kafka.runtime.outputs import Making

__all__ = ["Dropped", "Made", "Maker", "short_turns"]

_TURN_S = 0.0005
_END_S = 5.0


class Dropped(TidemillError):
    """What was read ahead may not be written any more: it has to be read again."""


class Made:
    """The outputs of one batch, in order, as they are made: iterating waits for the next."""

    def __init__(self, making: Making) -> None:
        self.making = making
        self._ready: queue.SimpleQueue[tuple[Output | None, BaseException | None]] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._done = threading.Event()

    def __iter__(self) -> Iterator[Output]:
        """Raises what the worker's logic raised, after the outputs before."""
        while True:
            with metrics.stage("wait"):
                output, error = self._ready.get()
            if error is not None:
                raise error
            if output is None:
                return
            yield output

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Nobody wants it any more: what is not begun is not made. Returns when nothing of it runs."""
        self._cancelled.set()
        self._done.wait()

    def make(self) -> bool:
        """Called once, on the maker's thread: False where it was not made to its end."""
        outputs = iter(self.making)
        try:
            while not self._cancelled.is_set():
                output = next(outputs, None)
                self._ready.put((output, None))
                if output is None:
                    return True
        except BaseException as error:  # noqa: BLE001 - raised again in the loop
            self._ready.put((None, error))
        return False

    def refuse(self) -> None:
        """Called instead of `make` where a batch before this one was not made."""
        self._ready.put((None, Dropped("a batch before was not made")))

    def end(self) -> None:
        """Called last, on the maker's thread."""
        self._done.set()


class Maker:
    """Makes one batch after another, in the order in which they were asked for.

    After one that failed or was cancelled none is made until `resume`: a worker's memory must not see a record
    before those that stand before it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._orders: queue.SimpleQueue[Made | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._sound = True

    def start(self, making: Making) -> Made:
        """Have it made; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        made = Made(making)
        self._orders.put(made)
        return made

    def resume(self) -> None:
        """Everything that was asked for has been cancelled: begin anew."""
        self._sound = True

    def close(self) -> None:
        """End the thread; what was asked for should have been cancelled."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join(_END_S)

    def _serve(self) -> None:
        while (made := self._orders.get()) is not None:
            if self._sound:
                self._sound = made.make()
            else:
                made.refuse()
            made.end()  # not before it is settled what becomes of the next
            del made  # its records need not live until the next


@contextmanager
def short_turns() -> Iterator[None]:
    """Within the block: a thread that waits for the global lock has it after half a millisecond, not after five.

    Whoever comes back from a call outside of it, of which a batch has dozens, would wait that long each time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
