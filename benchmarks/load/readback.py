"""What stands on the predictions topic, and what the load generator was answered, as columns."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.events import MODEL
from benchmarks.harness.world import World
from tidemill.kafka.client.scan import scan

COLUMNS = (
    "prediction_id", "event_id", "source", "version", "epoch", "probability", "predicted_at", "input_partition",
    "input_offset",
)  # fmt: skip


def predictions(place: World, topic: str) -> pa.Table:
    """Every committed prediction, in the order of its partition, with `partition`."""
    schema = place.schemas.prediction(MODEL)
    parts = []
    for batch in scan(place.settings(""), topic):
        rows = place.codec.decode(batch.values, schema).rows.select(COLUMNS)
        parts.append(rows.append_column("partition", pa.array(batch.partitions)))
    return pa.Table.from_batches(parts)


def published_ms(place: World, topic: str) -> dict[int, int]:
    """Epoch to the broker's time at which its event was appended to model-versions."""
    schema = place.schemas.platform("model-version")
    found = {}
    for batch in scan(place.settings(""), topic):
        for value, at in zip(batch.values, batch.timestamps_ms, strict=True):
            assert value is not None
            found[place.codec.decode_one(value, schema)["epoch"]] = at
    return found


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests as the load generator wrote them down, by when they were due. Times in ms since the epoch of Unix.

    `one_version`: whether header and body name one version and one epoch, the same ones. What an answer does not say
    is "", -1 or NaN.
    """

    due_ms: np.ndarray
    took_ms: np.ndarray
    good: np.ndarray
    request: np.ndarray
    version: np.ndarray
    epoch: np.ndarray
    probability: np.ndarray
    one_version: np.ndarray
    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def done_ms(self) -> np.ndarray:
        return self.due_ms + self.took_ms


def answers(paths: Iterable[Path]) -> Answers:
    """Read the records of one load after another."""
    rows = sorted((_row(json.loads(line)) for path in paths for line in path.open()), key=lambda row: row[0])
    due, took, good, request, version, epoch, probability, one, ids = zip(*rows, strict=True)
    columns = (np.array(column) for column in (due, took, good, request, version, epoch, probability, one))
    return Answers(*columns, list(ids))


def _row(line: dict) -> tuple:  # type: ignore[type-arg]
    good = 200 <= line["status"] < 300
    body = json.loads(line["body"]) if good else {}
    version, epoch = body.get("version", -1), body.get("epoch", -1)
    one = good and line["headers"] == [str(version), str(epoch)]
    id_ = body.get("prediction_id", "")
    return (line["due_ms"], line["ms"], good, line["request"], version, epoch,
            body.get("probability", np.nan), one, id_)  # fmt: skip
