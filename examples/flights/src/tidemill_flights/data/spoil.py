"""What goes wrong on the way: a few percent of the events are spoilt, by a seeded draw."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema, make_schema

NOT_AVRO = b'{"carrier": "UA", "flight": 1545, "origin": "EWR"}'
IMPOSSIBLE_MILES = 99_999.0


class Spoil(IntEnum):
    """How an event is spoilt. TWICE sends it again unchanged a moment later; all others replace the event."""

    NO = 0
    MISSING = 1
    OUT_OF_RANGE = 2
    WRONG_TYPE = 3
    TWICE = 4
    NOT_AVRO = 5


def draw(rows: int, share: float, seed: int) -> np.ndarray:
    """The fate of each row: int8 [rows] of `Spoil`; `share` of them spoilt, each way equally often."""
    rng = np.random.default_rng(seed)
    ways = rng.integers(1, len(Spoil), size=rows, dtype=np.int8)
    return np.where(rng.random(rows) < share, ways, np.int8(Spoil.NO))


class Spoiler:
    """Writes the values of a batch of events, the spoilt ones among them."""

    def __init__(self, codec: Codec, record: Schema) -> None:
        self._codec = codec
        self._record = record
        self._mistaken = mistaken_schema(record)

    def encode(self, rows: pa.RecordBatch, fates: np.ndarray) -> list[bytes]:
        """The values of `rows` in order. `fates`: int8 [n] of `Spoil`; TWICE is left to the caller."""
        values = self._codec.encode(self._wrong_fields(rows, fates), self._record)
        for position in np.flatnonzero(fates == Spoil.NOT_AVRO):
            values[position] = NOT_AVRO
        mistaken = np.flatnonzero(fates == Spoil.WRONG_TYPE)
        for position, value in zip(mistaken, self._mistyped(rows.take(pa.array(mistaken))), strict=True):
            values[position] = value
        return values

    def _wrong_fields(self, rows: pa.RecordBatch, fates: np.ndarray) -> pa.RecordBatch:
        if not np.isin(fates, (Spoil.MISSING, Spoil.OUT_OF_RANGE)).any():
            return rows
        carrier = pa.array(rows["carrier"].to_pylist(), type=rows["carrier"].type, mask=fates == Spoil.MISSING)
        far = np.where(fates == Spoil.OUT_OF_RANGE, IMPOSSIBLE_MILES, rows["distance"].to_numpy(zero_copy_only=False))
        replaced = {"carrier": carrier, "distance": pa.array(far, type=rows["distance"].type)}
        columns = [replaced.get(name, rows[name]) for name in rows.schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=rows.schema)

    def _mistyped(self, rows: pa.RecordBatch) -> list[bytes]:
        """Bytes of a producer that takes `distance` for text but names the right schema in front of them."""
        if not len(rows):
            return []
        index = rows.schema.get_field_index("distance")
        texts = pa.array([f"{miles:.0f} miles" for miles in rows["distance"].to_pylist()])
        wrong = rows.set_column(index, pa.field("distance", pa.string()), texts)
        right_values = self._codec.encode(rows, self._record)
        wrong_values = self._codec.encode(wrong, self._mistaken)
        payloads = [value[_frame_length(value) :] for value in wrong_values]
        return [right[: _frame_length(right)] + payload for right, payload in zip(right_values, payloads, strict=True)]


def mistaken_schema(record: Schema) -> Schema:
    """The record's schema with `distance` as text: what a producer with a wrong idea of it writes."""
    fields = [{**field, "type": "string"} if field["name"] == "distance" else field for field in record.json["fields"]]
    fields = [{k: v for k, v in f.items() if k != "default" or f["name"] != "distance"} for f in fields]
    return make_schema(f"{record.name}-mistaken", {**record.json, "fields": fields})


def _frame_length(value: bytes) -> int:
    """Bytes in front of the Avro body: 10 in single-object encoding (C3 01), 5 in Confluent's (magic 0)."""
    return 5 if value[:1] == b"\x00" else 10
