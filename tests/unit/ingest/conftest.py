"""An ingest service without Kafka: a model of its own, a sink that remembers, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider

from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill_ingest.adapters.kafka import Failure
from tidemill_ingest.idempotency import Answers
from tidemill_ingest.records import Record, Target
from tidemill_ingest.service import IngestService, build_targets
from tidemill_ingest.web.api import create_app

NOW_MS = 1_700_000_000_000


@dataclass
class Published:
    """One record as the sink got it."""

    topic: str
    record: Record
    headers: dict[str, bytes]


@dataclass
class RememberingSink:
    """Acknowledges everything, but for the places in `failures`."""

    published: list[Published] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)

    async def publish(
        self, topic: str, records: Sequence[Record], headers: Sequence[tuple[str, bytes]]
    ) -> list[Failure | None]:
        outcomes = [self.failures.get(place) for place in range(len(records))]
        self.published += [
            Published(topic, record, dict(headers))
            for record, failure in zip(records, outcomes, strict=True)
            if failure is None
        ]
        return outcomes


@dataclass
class Ingest:
    """A client, the sink behind it, and a way to read what was stored."""

    client: TestClient
    sink: RememberingSink
    codec: Codec
    schemas: SchemaCatalog
    unready: list[str]
    service: IngestService

    def events(self) -> list[dict[str, Any]]:
        return [self.codec.decode_one(p.record.value, self.schemas.record("flight-delay")) for p in self.sink.published]

    def labels(self) -> list[dict[str, Any]]:
        return [self.codec.decode_one(p.record.value, self.schemas.label("flight-delay")) for p in self.sink.published]


@pytest.fixture(scope="session")
def contract(root: Path) -> tuple[SchemaCatalog, list[Target]]:
    models = load_models(root / "models", ("flight-delay",))
    schemas = SchemaCatalog.load(root / "schemas", models)
    return schemas, build_targets(models.values(), TopicCatalog.load(root / "schemas", "p-"), schemas)


@pytest.fixture
def ingest(contract: tuple[SchemaCatalog, list[Target]]) -> Ingest:
    return ingest_of(*contract)


def ingest_of(schemas: SchemaCatalog, targets: list[Target], answers: Answers | None = None) -> Ingest:
    """A service of these targets, and what it works with. `answers`: where it remembers them."""
    codec = Codec(schemas)
    sink = RememberingSink()
    tracer = TracerProvider().get_tracer("test")
    service = IngestService(targets, codec, sink, FixedClock(NOW_MS), tracer, max_items=100)
    unready: list[str] = []

    async def ready() -> str | None:
        return unready[0] if unready else None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield
        service.close()

    app = create_app(service, ready, lifespan, max_body_bytes=50_000, retry_after_s=7, answers=answers)
    client = TestClient(app, raise_server_exceptions=False, headers={"Content-Type": "application/json"})
    return Ingest(client, sink, codec, schemas, unready, service)
