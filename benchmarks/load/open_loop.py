"""Records at an even pace: a few of them every ten milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from confluent_kafka import Producer

from benchmarks.events import MODEL, encoded, payments
from benchmarks.harness.world import TRACE, World
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.headers import TRACEPARENT

TICK_S = 0.01
FLUSH_S = 60.0


def paced(count: int, rate: float, stop: threading.Event | None = None) -> Iterator[range]:
    """The numbers from 0 to `count` in the pieces in which they become due, each when it is; fewer where `stop` is
    set.
    """
    started, sent = time.perf_counter(), 0
    while sent < count and not (stop is not None and stop.is_set()):
        due = min(count, int((time.perf_counter() - started) * rate))
        yield range(sent, due)
        sent = due
        time.sleep(TICK_S)


class Pushing:
    """Payments pushed to a topic by a thread of this process, until it is stopped: number k has the event id of
    `payments` and goes to partition k modulo `partitions`.
    """

    def __init__(self, place: World, topic: str, rate: int, most: int, partitions: int) -> None:
        self.rows = payments(most)
        self.pushed = 0
        self._keys, self._values = encoded(self.rows, place.codec, place.schemas.record(MODEL))
        self._producer = Producer(producer_config(place.settings("")))
        self._topic, self._rate, self._partitions = topic, rate, partitions
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Pushing:
        """Begin to push."""
        self._thread.start()
        return self

    def stop(self) -> int:
        """How many were pushed, once all of them are stored. Raises RuntimeError where they are not."""
        self._stop.set()
        self._thread.join()
        if self._producer.flush(FLUSH_S):
            raise RuntimeError(f"{self._topic}: not everything was stored")
        return self.pushed

    def _run(self) -> None:
        trace = [(TRACEPARENT, TRACE)]
        for numbers in paced(len(self._values), self._rate, self._stop):
            for k in numbers:
                self._producer.produce(self._topic, self._values[k], self._keys[k], k % self._partitions, headers=trace)
            self.pushed = numbers.stop
            self._producer.poll(0)
