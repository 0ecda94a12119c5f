"""What the demo wants to know of the topics beside their proof: ids, labels, and which version predicted what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.codec.codec import Decoded
from tidemill.contracts.schemas.catalog import Schema
from tidemill.kafka.batch import Batch

Positions = dict[int, np.ndarray]
"""Offsets by partition: int64, in the order in which they were met."""

_COLUMNS = ("stream", "partition", "offset", "version", "epoch", "predicted_at")


@dataclass(slots=True)
class KnownLabels:
    """Event ids of accepted labels, each once, and what the one observed last says, aligned."""

    ids: pa.ChunkedArray
    values: np.ndarray


@dataclass(slots=True)
class Predictions:
    """The predictions topic as aligned columns; `partition` and `offset` are the input's position in clean
    (stream only, else -1).
    """

    stream: np.ndarray
    partition: np.ndarray
    offset: np.ndarray
    version: np.ndarray
    epoch: np.ndarray
    predicted_at: np.ndarray

    def __len__(self) -> int:
        return len(self.stream)


class Readback:
    """Watches an audit read the topics (`tidemill_operations.audit.auditor.Observe`) and keeps lean columns."""

    def __init__(self, codec: Codec, record: Schema, id_field: str, label: Schema) -> None:
        self._codec, self._record, self._id_field, self._label = codec, record, id_field, label
        self._ids: list[pa.Array] = []
        self._label_ids: list[pa.Array] = []
        self._labels: list[np.ndarray] = []
        self._observed: list[np.ndarray] = []
        self._made: dict[str, list[np.ndarray]] = {name: [] for name in _COLUMNS}
        self.unreadable = 0

    def __call__(self, role: str, batch: Batch, decoded: Decoded | None) -> None:
        if role == "clean":
            self._ids.append(_own(self._rows(batch, self._record).column(self._id_field)))
        elif role == "labels":
            rows = self._rows(batch, self._label)
            self._label_ids.append(_own(rows.column("event_id")))
            self._labels.append(np.array(rows.column("label").to_numpy(zero_copy_only=False)))
            observed = rows.column("observed_at").cast(pa.int64())
            self._observed.append(np.array(observed.to_numpy(zero_copy_only=False)))
        elif role == "predictions" and decoded is not None:
            self._predictions(decoded.rows)

    def _rows(self, batch: Batch, schema: Schema) -> pa.RecordBatch:
        decoded = self._codec.decode(batch.values, schema)
        self.unreadable += len(decoded.bad)
        return decoded.rows

    def _predictions(self, rows: pa.RecordBatch) -> None:
        def integers(name: str) -> np.ndarray:
            column = rows.column(name).fill_null(-1).to_numpy(zero_copy_only=False)
            return np.array(column, dtype=np.int64)

        self._made["stream"].append(np.asarray(rows.column("source").to_numpy(zero_copy_only=False) == "stream"))
        self._made["partition"].append(integers("input_partition"))
        self._made["offset"].append(integers("input_offset"))
        self._made["version"].append(integers("version"))
        self._made["epoch"].append(integers("epoch"))
        times = rows.column("predicted_at").cast(pa.int64())
        self._made["predicted_at"].append(np.array(times.to_numpy(zero_copy_only=False)))

    @property
    def clean_ids(self) -> pa.ChunkedArray:
        """The event id of every record of clean."""
        return pa.chunked_array(self._ids, pa.string())

    @property
    def known_labels(self) -> KnownLabels:
        if not self._labels:
            return KnownLabels(pa.chunked_array([], pa.string()), np.array([], dtype=bool))
        newest_first = np.argsort(-np.concatenate(self._observed), kind="stable")
        ids = pa.chunked_array(self._label_ids, pa.string()).combine_chunks().take(pa.array(newest_first))
        codes = ids.dictionary_encode().indices.to_numpy()
        first = np.unique(codes, return_index=True)[1]
        values = np.concatenate(self._labels)[newest_first][first]
        return KnownLabels(pa.chunked_array([ids.take(pa.array(first))]), values)

    @property
    def predictions(self) -> Predictions:
        joined = {
            name: np.concatenate(parts) if parts else np.array([], np.int64) for name, parts in self._made.items()
        }
        joined["stream"] = joined["stream"].astype(bool)
        return Predictions(**joined)


def _own(column: pa.Array) -> pa.Array:
    """A copy: columns of a decoded batch share memory, and one of them would keep all others alive."""
    return column.take(pa.array(np.arange(len(column))))
