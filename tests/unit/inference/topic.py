"""model-versions in memory."""

from __future__ import annotations

import threading

from tests.unit.inference.fakes import NOW_MS, SCHEMAS, codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch

SCHEMA = SCHEMAS.platform("model-version")


class Topic:
    """model-versions in memory, read as BroadcastReader reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fresh: list[bytes | None] = []
        self._all: list[bytes | None] = []
        self.away = 0
        self.broken = False

    def add(self, *values: bytes | None) -> None:
        with self._lock:
            self._fresh += values
            self._all += values

    def again(self) -> None:
        with self._lock:
            self._fresh = list(self._all)

    def publish(self, *events: ModelVersion) -> None:
        self.add(*(codec().encode_one(one.to_dict(), SCHEMA) for one in events))

    def catch_up(self, timeout_s: float) -> list[Batch]:
        if self.away:
            self.away -= 1
            raise RetryLater("away", delay_s=0.01)
        return self.poll()

    def poll(self, timeout_s: float = 0.0) -> list[Batch]:
        if self.broken:
            raise AssertionError("a defect")
        with self._lock:
            values, self._fresh = self._fresh, []
        n = len(values)
        return [Batch("model-versions", [0] * n, list(range(n)), [NOW_MS] * n, [None] * n, values, [None] * n)]

    def close(self) -> None:
        """Nothing to release."""
