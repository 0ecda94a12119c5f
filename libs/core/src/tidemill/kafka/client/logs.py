"""librdkafka's own log lines as Python log records: one warning per change of state, the rest as debug.

A broker that is away makes librdkafka repeat itself several times a second for as long as that lasts.
"""

from __future__ import annotations

import logging
import re
import threading
import time

__all__ = ["QuietLogger", "client_logger"]

REPEAT_AFTER_S = 60.0
"""The same complaint is worth one line a minute."""

_NUMBERS = re.compile(r"\d+")


class QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Passes one record per distinct message and minute; repeats within it become debug records."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def log(self, level: int, msg: object, *args: object, **kwargs: object) -> None:
        """As `Logger.log`; called by librdkafka from the thread that polls."""
        text = str(msg) % args if args else str(msg)
        if level >= logging.INFO and self._is_repeat(text):
            level = logging.DEBUG
        self.logger.log(min(level, logging.WARNING), "%s", text)

    def _is_repeat(self, text: str) -> bool:
        shape = _NUMBERS.sub("#", text)
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(shape, -REPEAT_AFTER_S) < REPEAT_AFTER_S:
                return True
            if len(self._last) > 256:
                self._last.clear()
            self._last[shape] = now
        return False


def client_logger(name: str) -> QuietLogger:
    """The logger for one Kafka client, under `tidemill.kafka.client`."""
    return QuietLogger(logging.getLogger(f"tidemill.kafka.client.{name}"))
