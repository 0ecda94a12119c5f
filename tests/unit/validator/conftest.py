"""Validators of the model flight-delay without Kafka, and batches to feed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidemill.codec import Codec
from tidemill.contracts.events.platform import QualityReport
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill_validator.checks.stream_validator import StreamValidator
from tidemill_validator.worker import build_validators

MODEL = "flight-delay"
AT_MS = 1_359_651_900_000
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


@dataclass
class Desk:
    """The validators of one model's events and labels, and what turns rows into batches."""

    events: StreamValidator
    labels: StreamValidator
    codec: Codec
    schemas: SchemaCatalog

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

    def batch(
        self,
        values: Sequence[bytes | None],
        *,
        offset: int = 0,
        partitions: list[int] | None = None,
        **columns: Any,
    ) -> Batch:
        size = len(values)
        given: dict[str, Any] = {
            "topic": self.events.stream.topic,
            "partitions": partitions or [0] * size,
            "offsets": list(range(offset, offset + size)),
            "timestamps_ms": [NOW_MS] * size,
            "keys": [b"k"] * size,
            "values": list(values),
            "headers": [None] * size,
        }
        return Batch(**{**given, **columns})

    def ids(self, outputs: list[Output]) -> list[str]:
        """Event ids of what went to clean."""
        clean = by_topic(outputs, self.events.stream.clean)
        schema = self.schemas.record(MODEL)
        return [self.codec.decode_one(value, schema)["event_id"] for value in (clean.values if clean else [])]

    def reports(self, outputs: list[Output]) -> list[QualityReport]:
        schema = self.schemas.platform("quality-report")
        found = outputs[-1].values
        return [QualityReport.from_dict(self.codec.decode_one(value, schema)) for value in found]


def by_topic(outputs: list[Output], topic: str) -> Output | None:
    return next((output for output in outputs if output.topic == topic), None)


def reasons(output: Output | None) -> list[tuple[str, str]]:
    """(class, message) of every dead letter."""
    letters = [parse_dead_letter(headers) for headers in (output.headers or [])] if output else []
    return [(letter[3], letter[4]) for letter in letters if letter]


@pytest.fixture(scope="session")
def contract(root: Path) -> tuple[ModelSpec, TopicCatalog, SchemaCatalog, Codec]:
    models = load_models(root / "models", (MODEL,))
    schemas = SchemaCatalog.load(root / "schemas", models)
    return models[MODEL], TopicCatalog.load(root / "schemas", "p-"), schemas, Codec(schemas)


@pytest.fixture
def desk(contract: tuple[ModelSpec, TopicCatalog, SchemaCatalog, Codec]) -> Desk:
    model, topics, schemas, codec = contract
    events, labels = build_validators([model], topics, schemas, codec, max_ahead_ms=DAY_MS, max_seen_ids=10_000)
    for partition in range(4):
        events.take(partition)
        labels.take(partition)
    return Desk(events, labels, codec, schemas)
