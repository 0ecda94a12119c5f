"""What passes through: flights with labels for a first version, and bursts of flights made of them, already encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Producer

from tests.containers.flights import Files, write_files
from tidemill.codec import Codec
from tidemill.contracts.model_file.load import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog

MODEL = "flight-delay"


@dataclass(slots=True)
class Bursts:
    """Sends `MODEL`'s events to Kafka as fast as it takes them: the flights of `files.later` again and again, each time
    under other ids. `sent`: how many are acknowledged.
    """

    root: Path
    files: Files
    client: Mapping[str, str]
    topic: str
    sent: int = 0
    _round: int = 0
    _failed: list[str] = field(default_factory=list)

    def send(self, records: int) -> None:
        """Returns when all of them are acknowledged. Raises RuntimeError where one is not."""
        models = load_models(self.root / "models", only=[MODEL])
        schemas = SchemaCatalog.load(self.root / "schemas", models)
        table = pq.read_table(self.files.later)
        producer = Producer({**self.client, "linger.ms": 20, "compression.type": "lz4", "acks": "all"})
        left = records
        while left:
            rows = table.slice(0, min(left, table.num_rows))
            self._produce(producer, rows, Codec(schemas), schemas)
            left -= rows.num_rows
        while producer.flush(5):
            pass
        if self._failed:
            raise RuntimeError(f"{len(self._failed)} records were not stored: {self._failed[0]}")
        self.sent += records

    def _produce(self, producer: Producer, rows: pa.Table, codec: Codec, schemas: SchemaCatalog) -> None:
        self._round += 1
        ids = pa.array([f"{self._round}:{name}" for name in rows["event_id"].to_pylist()])
        place = rows.column_names.index("event_id")
        (batch,) = rows.set_column(place, "event_id", ids).combine_chunks().to_batches()
        schema = schemas.record(MODEL)
        batch = batch.select([name for name in schema.field_names if name in batch.schema.names])
        for key, value in zip(batch["tail_number"].to_pylist(), codec.encode(batch, schema), strict=True):
            while True:
                try:
                    producer.produce(self.topic, value, key, on_delivery=self._delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)

    def _delivered(self, error: object, message: object) -> None:
        if error is not None:
            self._failed.append(str(error))


def files(folder: Path) -> Files:
    """A year's first flights: events with labels, and later ones."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_files(folder)
