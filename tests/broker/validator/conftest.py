"""A validator on a real broker, in a thread of its own, and the topics around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import until
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill_validator.settings import ValidatorSettings
from tidemill_validator.wiring import run

MODEL = "flight-delay"
AT_MS = 1_359_651_900_000
PARTITIONS = 4


@dataclass
class Bench:
    """What a test of the validator needs: pushing to raw, reading anything, starting and stopping validators."""

    settings: ValidatorSettings
    topics: TopicCatalog
    schemas: SchemaCatalog
    codec: Codec
    publisher: Publisher
    workers: list[tuple[threading.Event, threading.Thread]] = field(default_factory=list)

    def event(self, event_id: str, **fields: Any) -> bytes:
        row = {
            "event_id": event_id,
            "scheduled_at": AT_MS,
            "tail_number": "N1",
            "carrier": "UA",
            "origin": "EWR",
            "dest": "IAH",
            "distance": 1400.0,
            **fields,
        }
        names = self.schemas.record(MODEL).field_names
        return self.codec.encode_one({name: row.get(name) for name in names}, self.schemas.record(MODEL))

    def label(self, event_id: str, **fields: Any) -> bytes:
        row = {"event_id": event_id, "label": True, "event_time": AT_MS, "observed_at": AT_MS, **fields}
        return self.codec.encode_one(row, self.schemas.label(MODEL))

    def push(self, role: str, *records: Output) -> None:
        self.publisher.publish_all(list(records))

    def output(self, role: str, values: list[bytes | None], **columns: Any) -> Output:
        return Output(self.topics.name(role, MODEL), values, **columns)

    def read(self, role: str) -> list[tuple[int, int, bytes | None, bytes | None, dict[str, bytes | None]]]:
        """(partition, offset, key, value, headers) of every committed record, by partition and offset."""
        name = self.topics.name(role) if role == "quality_reports" else self.topics.name(role, MODEL)
        return sorted(
            (
                batch.partitions[k],
                batch.offsets[k],
                batch.keys[k],
                batch.values[k],
                dict(batch.headers[k] or ()),
            )
            for batch in scan(self.settings, name)
            for k in range(len(batch))
        )

    def count(self, role: str) -> int:
        return sum(len(batch) for batch in self.scan(role))

    def scan(self, role: str) -> Iterator[Batch]:
        return scan(self.settings, self.topics.name(role, MODEL))

    def ids(self, role: str) -> list[str]:
        schema = self.schemas.for_topic(role, MODEL)
        return [self.codec.decode_one(value, schema)["event_id"] for _, _, _, value, _ in self.read(role)]

    def start(self, **over: Any) -> threading.Event:
        """A validator in a thread. Stop it by its event, or at the end of the test."""
        stop = threading.Event()
        settings = self.settings.model_copy(update=over)
        thread = threading.Thread(target=run, args=(settings, stop), name="validator")
        thread.start()
        self.workers.append((stop, thread))
        return stop

    def stop(self) -> None:
        for stop, _ in self.workers:
            stop.set()
        for _, thread in self.workers:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for _, thread in self.workers)
        self.workers.clear()

    def until_judged(self, role: str, records: int, timeout: float = 120) -> None:
        """Waits until clean and dead letters together hold so many records of a raw topic."""
        clean = {"raw": "clean", "labels_raw": "labels"}[role]
        both = (clean, self.topics.dlq_of(role))

        def judged() -> bool:
            try:
                return sum(map(self.count, both)) >= records
            except RetryLater:  # a broker under load may be slow to answer: that is not yet a failure
                return False

        until(judged, timeout, f"{records} records of {role} are judged", every=0.2)


@pytest.fixture
def bench(kafka: str, prefix: str, root: Path) -> Iterator[Bench]:
    settings = ValidatorSettings(
        kafka_bootstrap=kafka,
        prefix=prefix,
        schemas=root / "schemas",
        models_dir=root / "models",
        models=(MODEL,),
        partitions=PARTITIONS,
        log_level="WARNING",
    )
    models = load_models(settings.models_dir, settings.models)
    topics = TopicCatalog.load(settings.schemas, prefix)
    schemas = SchemaCatalog.load(settings.schemas, models)
    ensure_topics(admin(settings), topics, [MODEL], PARTITIONS)
    with Publisher(settings) as publisher:
        bench = Bench(settings, topics, schemas, Codec(schemas), publisher)
        try:
            yield bench
        finally:
            bench.stop()
