"""Scores the clean topic anew, from a place on to where it ends now, into a file or a topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl
import pyarrow as pa

from tidemill.ids import deterministic_id
from tidemill_operations.predict.scoring import record_outputs, score

if TYPE_CHECKING:
    from tidemill.codec import Codec
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import Schema
    from tidemill.kafka.batch import Batch
    from tidemill_operations.predict.parts import Parts
    from tidemill_operations.predict.version import Version

Positions = dict[str, int]
"""The next offset by partition; the partition as text, since JSON keeps it."""


class Sink(Protocol):
    """Where scored rows go. `next` is where the next ones begin; after `add` they are kept."""

    @property
    def next(self) -> Any: ...

    def add(self, frame: pl.DataFrame, next_: Any, errors: int = 0) -> None: ...


class TopicPredictor:
    """Scores records of the clean topic: they are normalised, checked and hidden already."""

    def __init__(self, spec: ModelSpec, record: Schema, codec: Codec, version: Version) -> None:
        self._spec = spec
        self._record = record
        self._codec = codec
        self._version = version

    def score(self, batch: Batch) -> tuple[pl.DataFrame, int]:
        """`partition`, `offset`, `key`, `event_id`, `event_time`, `version`, the typed output; and how many records
        have none (they cannot be read, or the model gives no number).
        """
        decoded = self._codec.decode(batch.values, self._record)
        rows = decoded.rows
        taken = decoded.index.tolist()
        outputs = score(rows, self._version) if rows.num_rows else {}
        columns = {
            "partition": pl.Series([batch.partitions[k] for k in taken], dtype=pl.Int32),
            "offset": pl.Series([batch.offsets[k] for k in taken], dtype=pl.Int64),
            "key": pl.Series([(batch.keys[k] or b"").decode("utf-8", "replace") for k in taken], dtype=pl.String),
            "event_id": pl.Series(rows.column(self._spec.event_id).to_pylist(), dtype=pl.String),
            "event_time": pl.Series(
                rows.column(self._spec.event_time).cast(pa.timestamp("ms", tz="UTC")).to_pylist(),
                dtype=pl.Datetime("ms", "UTC"),
            ),
            "version": pl.Series([self._version.number] * len(taken), dtype=pl.Int64),
            **{name: pl.Series(name, column.to_pylist()) for name, column in outputs.items()},
        }
        frame = pl.DataFrame(columns)
        if outputs:
            frame = frame.drop_nulls(list(outputs))
        return frame, len(batch) - len(frame)


def score_topic(
    batches: Iterable[Batch], predictor: TopicPredictor, sink: Sink, start: Positions, advanced: Callable[[int], None]
) -> None:
    """Score batch by batch. `start`: where the scan began; `advanced` is told how many records more are done."""
    position = dict(start)
    for batch in batches:
        frame, errors = predictor.score(batch)
        for partition, offset in zip(batch.partitions, batch.offsets, strict=True):
            position[str(partition)] = max(position.get(str(partition), 0), offset + 1)
        sink.add(frame, dict(position), errors)
        advanced(len(batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionTopic:
    """Where predictions of a model go. `publish(topic, keys, values, partitions)` returns when all is acknowledged."""

    publish: Callable[[str, list[bytes], list[bytes], list[int]], None]
    topic: str
    codec: Codec
    schema: Schema
    model: str


class TopicSink:
    """Predictions as records of the model's prediction schema on a topic, in the partition of their input; a small file
    says how far it has come. What is written twice after a break has the same prediction id.
    """

    def __init__(self, target: PredictionTopic, version: Version, state: Parts) -> None:
        self._publish = target.publish
        self._topic = target.topic
        self._codec = target.codec
        self._schema = target.schema
        self._model = target.model
        self._version = version
        self._state = state

    @property
    def next(self) -> Any:
        return self._state.next

    def add(self, frame: pl.DataFrame, next_: Any, errors: int = 0) -> None:
        if len(frame):
            values = self._codec.encode(self._rows(frame), self._schema, topic=self._topic)
            keys = [key.encode() for key in frame["key"].to_list()]
            self._publish(self._topic, keys, values, frame["partition"].to_list())
        self._state.add(frame.select("partition", "offset"), next_, errors)

    def _rows(self, frame: pl.DataFrame) -> pa.RecordBatch:
        n, manifest = len(frame), self._version.manifest
        places = list(zip(frame["partition"].to_list(), frame["offset"].to_list(), strict=True))
        ids = [deterministic_id(self._model, self._version.number, p, o) for p, o in places]
        names = [c for c in frame.columns if c in ("probability", "value", "label") or c.startswith("p_")]
        outputs: Mapping[str, pa.Array] = {name: pa.array(frame[name].to_list()) for name in names}
        now = pa.scalar(time.time_ns() // 1_000_000, pa.timestamp("ms", tz="UTC"))
        return pa.record_batch(
            {
                "prediction_id": pa.array(ids, pa.string()),
                "event_id": pa.array(frame["event_id"].to_list(), pa.string()),
                "model": pa.repeat(self._model, n),
                "source": pa.repeat("stream", n),
                "event_time": pa.array(frame["event_time"].to_list(), pa.timestamp("ms", tz="UTC")),
                "predicted_at": pa.repeat(now, n),
                "version": pa.repeat(pa.scalar(self._version.number, pa.int32()), n),
                "epoch": pa.repeat(pa.scalar(self._version.epoch, pa.int64()), n),
                "arm": pa.repeat("champion", n),
                **record_outputs(dict(outputs), manifest.classes),
                "input_partition": pa.array([p for p, _ in places], pa.int32()),
                "input_offset": pa.array([o for _, o in places], pa.int64()),
            }
        )
