"""Libraries that say the same many times a second: once in a while is enough, with how often it was meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

__all__ = ["EVERY_S", "Repeats"]

EVERY_S = 10.0
_MOST_KNOWN = 1_000


class Repeats(logging.Filter):
    """Lets each remark (logger, level, text before its values are put in) of `loggers` through once in `EVERY_S`; the
    next one that passes has `repeated`, how many were left out since. What others log, and what is not `below` a level,
    always passes. Thread-safe.
    """

    def __init__(
        self,
        loggers: Collection[str],
        monotonic_s: Callable[[], float] = time.monotonic,
        below: int = logging.CRITICAL + 1,
    ) -> None:
        super().__init__()
        self._loggers, self._now, self._below = frozenset(loggers), monotonic_s, below
        self._known: dict[tuple[str, int, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it passes."""
        if record.name.partition(".")[0] not in self._loggers or record.levelno >= self._below:
            return True
        key, now = (record.name, record.levelno, str(record.msg)), self._now()
        with self._lock:
            last, left_out = self._known.get(key, (-EVERY_S, 0))
            if now - last < EVERY_S:
                self._known[key] = last, left_out + 1
                return False
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = now, 0
        if left_out:
            record.repeated = left_out
        return True
