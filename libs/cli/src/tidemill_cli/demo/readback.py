"""Reads the topics back: what is there, position by position, as lean columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.schemas import Schema
from tidemill.kafka.batch import Batch
from tidemill.kafka.dead_letters import ERROR_CLASS, ERROR_MESSAGE, ERROR_OFFSET, ERROR_PARTITION, ERROR_TOPIC
from tidemill.kafka.headers import ORIGIN, find, parse_origin

Positions = dict[int, np.ndarray]
"""Offsets by partition: int64, in the order in which they were met, repeats kept."""


class Collected:
    """Gathers (partition, offset) pairs batch by batch into `Positions`."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, partitions: Iterable[int] | np.ndarray, offsets: Iterable[int] | np.ndarray) -> None:
        """Takes aligned partitions and offsets."""
        pair = (_column(partitions, np.int32), _column(offsets, np.int64))
        self._parts.append(pair)

    def positions(self) -> Positions:
        """All pairs so far, by partition."""
        if not self._parts:
            return {}
        partitions = np.concatenate([part for part, _ in self._parts])
        offsets = np.concatenate([offset for _, offset in self._parts])
        return {int(number): offsets[partitions == number] for number in np.unique(partitions)}


def _column(values: Iterable[int] | np.ndarray, dtype: type) -> np.ndarray:
    return values.astype(dtype) if isinstance(values, np.ndarray) else np.array(list(values), dtype=dtype)


@dataclass(slots=True)
class Accepted:
    """A clean topic (or a labels topic). `origins`: positions in the raw topic; `ids`: the event id of each
    record.

    `strangers`: records whose origin is not in the expected raw topic, or that cannot be read.
    """

    positions: Positions
    origins: Positions
    ids: pa.ChunkedArray
    strangers: int
    labels: np.ndarray | None = None


@dataclass(slots=True)
class SetAside:
    """A dead-letter topic. `origins` as in `Accepted`; `reasons`: how many by error class and first words of
    the message.
    """

    origins: Positions
    strangers: int
    reasons: Counter[str] = field(default_factory=Counter)


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
    unreadable: int

    def __len__(self) -> int:
        return len(self.stream)

    def inputs(self) -> Positions:
        """Positions in clean that the stream has predicted."""
        collected = Collected()
        collected.add(self.partition[self.stream], self.offset[self.stream])
        return collected.positions()


def read_positions(batches: Iterator[Batch]) -> Positions:
    """The positions of all records of a topic."""
    collected = Collected()
    for batch in batches:
        collected.add(batch.partitions, batch.offsets)
    return collected.positions()


def read_accepted(
    batches: Iterator[Batch], raw_topic: str, codec: Codec, schema: Schema, id_field: str,
    label_field: str | None = None,
) -> Accepted:  # fmt: skip
    """Reads a clean or labels topic: positions, origins by header, event ids by value, labels where a field
    is named.
    """
    positions, origins, strangers = Collected(), Collected(), 0
    ids: list[pa.Array] = []
    labels: list[np.ndarray] = []
    for batch in batches:
        positions.add(batch.partitions, batch.offsets)
        found = [_origin_in(find(headers, ORIGIN), raw_topic) for headers in batch.headers]
        known = [place for place in found if place is not None]
        origins.add((place[0] for place in known), (place[1] for place in known))
        decoded = codec.decode(batch.values, schema)
        strangers += len(found) - len(known) + len(decoded.bad)
        ids.append(_own(decoded.rows.column(id_field)))
        if label_field is not None:
            labels.append(np.array(decoded.rows.column(label_field).to_numpy(zero_copy_only=False)))
    column = np.concatenate(labels) if labels else None
    return Accepted(
        positions.positions(), origins.positions(), pa.chunked_array(ids, pa.string()), strangers, column
    )


def _own(column: pa.Array) -> pa.Array:
    """A copy: columns of a decoded batch share memory, and one of them would keep all others alive."""
    return column.take(pa.array(np.arange(len(column))))


def _origin_in(value: bytes | None, raw_topic: str) -> tuple[int, int] | None:
    if value is None:
        return None
    topic, partition, offset = parse_origin(value)
    return (partition, offset) if topic == raw_topic else None


def read_set_aside(batches: Iterator[Batch], raw_topic: str) -> SetAside:
    """Reads a dead-letter topic: where each came from and why it is there."""
    origins, strangers = Collected(), 0
    reasons: Counter[str] = Counter()
    for batch in batches:
        for headers in batch.headers:
            values = {name: (value or b"").decode() for name, value in headers or ()}
            if values.get(ERROR_TOPIC) != raw_topic:
                strangers += 1
                continue
            origins.add([int(values[ERROR_PARTITION])], [int(values[ERROR_OFFSET])])
            reasons[_reason(values)] += 1
    return SetAside(origins.positions(), strangers, reasons)


def _reason(values: dict[str, str]) -> str:
    kind = values.get(ERROR_CLASS, "").rpartition(".")[2]
    return kind or values.get(ERROR_MESSAGE, "")[:60]


def read_predictions(batches: Iterator[Batch], codec: Codec, schema: Schema) -> Predictions:
    """Reads a predictions topic into columns."""
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("stream", "partition", "offset", "version", "epoch", "predicted_at")
    }
    unreadable = 0
    for batch in batches:
        decoded = codec.decode(batch.values, schema)
        unreadable += len(decoded.bad)
        rows = decoded.rows
        columns["stream"].append(np.asarray(rows.column("source").to_numpy(zero_copy_only=False) == "stream"))
        for name, source in (("partition", "input_partition"), ("offset", "input_offset")):
            columns[name].append(
                rows.column(source).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            )
        for name in ("version", "epoch"):
            columns[name].append(rows.column(name).to_numpy(zero_copy_only=False).astype(np.int64))
        at = rows.column("predicted_at").cast(pa.int64()).to_numpy(zero_copy_only=False)
        columns["predicted_at"].append(np.array(at))  # a copy, which does not keep the batch alive
    joined = {
        name: np.concatenate(parts) if parts else np.array([], np.int64) for name, parts in columns.items()
    }
    joined["stream"] = joined["stream"].astype(bool)
    return Predictions(**joined, unreadable=unreadable)
