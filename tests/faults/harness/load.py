"""Load while a fault lasts: a feeder of raw records, and clients of ingest that remember what was acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx

from tests.faults.harness.world import EPOCH_MS, FEATURE, MODEL, World
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import Publisher


class Feeder:
    """Pushes seeded records to raw at a steady rate in a thread, until it is stopped, or `total` are pushed.

    `pushed`: acknowledged so far.
    """

    def __init__(self, world: World, rate: int, total: int | None = None) -> None:
        self._world, self._rate, self._total = world, rate, total
        self.pushed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        tick = 0.2
        with Publisher(self._world.settings, timeout_s=60) as publisher:
            while not self._stop.wait(tick) and self.pushed != self._total:
                count = max(1, round(self._rate * tick))
                values, keys = self._world.records(min(count, (self._total or self.pushed + count) - self.pushed))
                publisher.publish_all([Output(self._world.topic("raw"), values, keys)])
                self.pushed += len(values)

    def wait(self, timeout: float) -> None:
        """Until all are pushed."""
        self._thread.join(timeout)
        assert self.pushed == self._total, f"only {self.pushed} of {self._total} are pushed"

    def close(self) -> int:
        self._stop.set()
        self._thread.join(70)
        assert not self._thread.is_alive(), "the feeder hangs"
        return self.pushed


class Clients:
    """Pushes through ingest, again and again, from several threads; what was acknowledged is kept by event id."""

    def __init__(self, port: int, *, threads: int = 2, items: int = 10, pause_s: float = 0.05) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/events/{MODEL}"
        self._items, self._pause_s = items, pause_s
        self.acknowledged: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self.unreached = 0
        self.slowest_s = 0.0
        self.last_accepted = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        turn = 0
        with httpx.Client(timeout=60) as client:
            while not self._stop.wait(self._pause_s):
                turn += 1
                ids = [f"c{number}-{turn}-{k}" for k in range(self._items)]
                began = time.monotonic()
                try:
                    answer = client.post(self._url, json=[event(one) for one in ids])
                except httpx.HTTPError:
                    self.unreached += 1
                    continue
                with self._lock:
                    self._note(answer, time.monotonic() - began)

    def _note(self, answer: httpx.Response, seconds: float) -> None:
        self.statuses[answer.status_code] += 1
        self.slowest_s = max(self.slowest_s, seconds)
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            self.without_retry_after += 1
        if answer.is_success or answer.status_code == 503:
            self.acknowledged.update(answer.json().get("event_ids", ()))
        if answer.is_success:
            self.last_accepted = time.monotonic()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(70)


def event(event_id: str) -> dict[str, object]:
    """A good event as JSON."""
    return {
        "event_id": event_id,
        "scheduled_at": EPOCH_MS,
        "tail_number": f"N{len(event_id) % 9}",
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        FEATURE: 900.0,
    }


def ids_on(world: World, role: str) -> set[str]:
    """The event ids on a topic of events."""
    from tidemill.kafka.client.scan import scan

    schema = world.view.schemas.record(MODEL)
    found: set[str] = set()
    for batch in scan(world.settings, world.topic(role)):
        found.update(world.view.codec.decode(batch.values, schema).rows.column("event_id").to_pylist())
    return found


__all__ = ["Clients", "Feeder", "event", "ids_on"]
