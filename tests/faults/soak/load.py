"""Mixed load of a soak: records to Kafka, events to ingest, questions to serve, and labels that come late.

Whoever sends does it again until it is acknowledged, with the same ids, as people's programs do: what stands twice on
raw then is set aside by the model's expectation that ids are unique.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa

from tests.faults.harness.world import BAD_SHARE, EPOCH_MS, FEATURE, MODEL, World
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import Publisher

MS_PER_S = 3_600_000
"""An hour of the events' time passes in a second: what is kept for days is full within minutes, and flat then."""
LATE_S = (6.0, 12.0)
"""How long after its event a label is sent."""
TICK_S = 0.2
ENTITIES = 500
ITEMS = 10

Event = dict[str, Any]


class Mixed:
    """Runs in threads until closed. By event id what was acknowledged: `good`, `bad` (against an expectation),
    `labelled`; `asked`: prediction ids that serve answered with. `troubles`: attempts that failed, by kind.
    """

    def __init__(self, world: World, rate: int, ingest: int, serve: int) -> None:
        """`rate`: records a second to Kafka; `ingest`, `serve`: ports."""
        self._world, self._rate = world, rate
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._due: deque[tuple[float, Event]] = deque()
        self.good: set[str] = set()
        self.bad: set[str] = set()
        self.labelled: set[str] = set()
        self.asked: set[str] = set()
        self.troubles: Counter[str] = Counter()
        self.slowest_s = 0.0
        works = (
            ("kafka", self._to_kafka, ()),
            ("labels", self._labels, ()),
            ("ingest", self._to_ingest, (f"http://127.0.0.1:{ingest}/v1/events/{MODEL}",)),
            ("serve", self._ask, (f"http://127.0.0.1:{serve}/v1/models/{MODEL}/predict",)),
        )
        self._threads = [threading.Thread(target=work, args=given, name=name) for name, work, given in works]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def close(self) -> None:
        """Ends when all that was begun is acknowledged, labels of the last events aside."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), f"the load by {thread.name} hangs: {self.troubles}"

    def check(self) -> None:
        """No part of the load has ended by an error of its own."""
        for thread in self._threads:
            assert thread.is_alive() or self._stop.is_set(), f"the load by {thread.name} ended"

    def _events(self, source: str) -> Iterator[Event]:
        chance, number = random.Random(f"{self._world.fault.seed} {source}"), 0
        while True:
            number += 1
            yield {
                "event_id": f"{source}{number}",
                "scheduled_at": EPOCH_MS + round((time.monotonic() - self._began) * MS_PER_S),
                "tail_number": f"N{chance.randrange(ENTITIES)}",
                "carrier": chance.choice(("UA", "DL", "B6")),
                "origin": chance.choice(("EWR", "JFK", "LGA")),
                "dest": "IAH",
                "visibility": 10.0,
                FEATURE: -1.0 if chance.random() < BAD_SHARE else chance.uniform(50, 5000),
            }

    def _to_kafka(self) -> None:
        codec, schema = self._world.view.new_codec(), self._world.view.schemas.record(MODEL)
        events, topic = self._events("k"), self._world.topic("raw")
        with Publisher(self._world.settings, name="load", timeout_s=20) as publisher:
            while not self._stop.wait(TICK_S):
                some = [next(events) for _ in range(max(1, round(self._rate * TICK_S)))]
                values = codec.encode(_table(some), schema)
                self._publish(publisher, Output(topic, values, [event["tail_number"].encode() for event in some]))
                self._acknowledge(some)

    def _labels(self) -> None:
        codec, schema = self._world.view.new_codec(), self._world.view.schemas.label(MODEL)
        topic = self._world.topic("labels_raw")
        with Publisher(self._world.settings, name="labels", timeout_s=20) as publisher:
            while not self._stop.wait(TICK_S):
                now, some = time.monotonic(), []
                while self._due and self._due[0][0] <= now:
                    some.append(self._due.popleft()[1])
                if some:
                    values = codec.encode(_labels(some, EPOCH_MS + round((now - self._began) * MS_PER_S)), schema)
                    self._publish(publisher, Output(topic, values, [event["tail_number"].encode() for event in some]))
                    self.labelled.update(event["event_id"] for event in some)

    def _publish(self, publisher: Publisher, output: Output) -> None:
        """Until it is acknowledged; not for ever."""
        for _ in range(6):
            try:
                return publisher.publish_all([output])
            except RetryLater:
                self.troubles["kafka"] += 1
        raise AssertionError(f"{output.topic} takes nothing any more")

    def _to_ingest(self, url: str) -> None:
        events, turn = self._events("i"), 0
        while not self._stop.wait(2 * TICK_S):
            turn += 1
            some = [next(events) for _ in range(ITEMS)]
            ends = time.monotonic() + 110
            while not self._posted(url, some, "ingest", {"Idempotency-Key": f"soak-{turn}"}):
                assert time.monotonic() < ends, f"ingest takes nothing any more: {self.troubles}"
                self._stop.wait(0.3)
            self._acknowledge(some)

    def _ask(self, url: str) -> None:
        events = (event for event in self._events("q") if event[FEATURE] >= 0)
        while not self._stop.wait(TICK_S / 2):
            event = next(events)
            answer = self._posted(url, event, "serve", {})
            if answer is not None:
                self.asked.add(answer.json()["prediction_id"])
                self._label_later([event])

    def _posted(self, url: str, body: object, who: str, headers: dict[str, str]) -> httpx.Response | None:
        """The answer if it went well."""
        began = time.monotonic()
        try:
            answer = httpx.post(url, json=body, headers=headers, timeout=30)
        except httpx.HTTPError as error:
            self.troubles[f"{who} {type(error).__name__}"] += 1
            return None
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        if not answer.is_success:
            self.troubles[f"{who} {answer.status_code}"] += 1
            assert answer.status_code >= 500 or answer.status_code == 409, answer.text
            return None
        return answer

    def _acknowledge(self, events: list[Event]) -> None:
        self.bad.update(event["event_id"] for event in events if event[FEATURE] < 0)
        good = [event for event in events if event[FEATURE] >= 0]
        self.good.update(event["event_id"] for event in good)
        self._label_later(good)

    def _label_later(self, events: list[Event]) -> None:
        late = random.uniform(*LATE_S)  # of all of these alike: they stand in order, but for the other threads'
        self._due.extend((time.monotonic() + late, event) for event in events)


def _table(events: list[Event]) -> pa.RecordBatch:
    columns: dict[str, Any] = {name: [event[name] for event in events] for name in events[0]}
    columns["scheduled_at"] = pa.array(columns["scheduled_at"], pa.timestamp("ms", tz="UTC"))
    return pa.record_batch(columns)


def _labels(events: list[Event], observed_ms: int) -> pa.RecordBatch:
    """What is far is late: a model can learn it."""
    times = pa.timestamp("ms", tz="UTC")
    return pa.record_batch(
        {
            "event_id": [event["event_id"] for event in events],
            "label": [event[FEATURE] > 2_500 for event in events],
            "event_time": pa.array([event["scheduled_at"] for event in events], times),
            "observed_at": pa.array([observed_ms] * len(events), times),
        }
    )
