"""Ends the process where its logic hangs: then it can be found what it hangs on."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable

from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.poison.attempts import last_offsets

__all__ = ["STUCK", "Watchdog"]

STUCK = 4
"""Exit code of a process that has ended itself so."""
_IN_STEPS = 0.2
_TICKS = 100
_log = logging.getLogger(__name__)


class Watchdog:
    """Bounds each call of a worker's logic by `limit_s`; while it goes in small steps by a fifth of that.

    A thread looks on; where it is not let run either (native code that keeps Python's lock), faulthandler's own ends
    the process somewhat later. Time in which the whole process is frozen does not count for the thread.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.in_steps = False
        """Set by the loop while a few records are processed at a time."""
        self._at: list[Batch] | None = None
        self._call = 0
        self._needed = False
        self._end = threading.Event()

    @property
    def allowed_s(self) -> float:
        """What one call may take now."""
        return self.limit_s * _IN_STEPS if self.in_steps else self.limit_s

    def watching(self, process: Callable[[list[Batch]], list[Output]]) -> Callable[[list[Batch]], list[Output]]:
        """The same logic, watched while it runs. Called by one thread at a time."""

        self._needed = True

        def watched(batches: list[Batch]) -> list[Output]:
            self._call += 1
            self._at = batches
            try:
                return process(batches)
            finally:
                self._at = None

        return watched

    def start(self) -> None:
        """Begin to look on, until `close`, where there is anything to look at."""
        if self._needed:
            threading.Thread(target=self._look_on, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        if self._needed:
            faulthandler.cancel_dump_traceback_later()

    def _look_on(self) -> None:
        seen, waited = -1, 0.0
        tick_s = self.limit_s * _IN_STEPS / _TICKS
        since_armed = self.limit_s
        while not self._end.wait(tick_s):
            since_armed += tick_s
            if since_armed > self.limit_s / 10:
                since_armed = 0.0
                self._arm()
            batches, call = self._at, self._call
            waited = waited + tick_s if batches is not None and call == seen else 0.0
            seen = call
            if batches is not None and waited > self.allowed_s:
                self._give_up(batches)

    def _arm(self) -> None:
        if sys.__stderr__ is not None and not self._end.is_set():
            faulthandler.dump_traceback_later(self.limit_s * 1.2, exit=True, file=sys.__stderr__)

    def _give_up(self, batches: list[Batch]) -> None:
        where = ", ".join(f"{topic}/{number} up to {at}" for (topic, number), at in last_offsets(batches).items())
        _log.critical(
            "%d records have been worked at for more than %.0f s (%s): this process ends itself, with exit code %d; "
            "what it was at is on stderr. Started again, it looks for the record that it hangs on. "
            "TIDEMILL_STUCK_AFTER_S is the limit",
            sum(map(len, batches)), self.allowed_s, where, STUCK,
        )  # fmt: skip
        if sys.__stderr__ is not None:
            faulthandler.dump_traceback(sys.__stderr__, all_threads=True)
        os._exit(STUCK)
