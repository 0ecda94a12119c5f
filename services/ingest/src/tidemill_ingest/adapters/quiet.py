"""aiokafka's log lines, once a minute each: while brokers are away it repeats itself without a pause."""

from __future__ import annotations

import logging
import re
import time

REPEAT_AFTER_S = 60.0
MOST_SHAPES = 256
LOGGERS = ("aiokafka", "aiokafka.conn", "aiokafka.producer.producer", "aiokafka.producer.sender")

_NUMBERS = re.compile(r"\d+")


class OncePerMinute(logging.Filter):
    """Lets the first of equal lines pass, and one a minute after it; numbers in a line make no difference."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        shape = _NUMBERS.sub("#", record.getMessage())
        now = time.monotonic()
        if now - self._last.get(shape, -REPEAT_AFTER_S) < REPEAT_AFTER_S:
            return False
        if len(self._last) > MOST_SHAPES:
            self._last.clear()
        self._last[shape] = now
        return True


def quieten(loggers: tuple[str, ...] = LOGGERS) -> None:
    """Put the filter before each of these loggers."""
    for name in loggers:
        logging.getLogger(name).addFilter(OncePerMinute())
