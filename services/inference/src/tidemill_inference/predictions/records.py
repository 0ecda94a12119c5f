"""The records behind one request, in rows (JSON) or in columns (Arrow): what the log needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema

TIME = pa.timestamp("ms", tz="UTC")


class RequestContext(NamedTuple):
    """Whose request it was: the traceparent that goes on from it, and the caller as the gate calls it; None where
    nobody is asked who it is.
    """

    traceparent: bytes
    caller: str | None = None


class Records(Protocol):
    """Records of a model, all its fields."""

    def __len__(self) -> int: ...

    def texts(self, field: str) -> list[str | None]:
        """A field as text."""
        ...

    def times(self, field: str) -> pa.Array:
        """A field of times, as timestamps in UTC."""
        ...

    def take(self, schema: pa.Schema) -> pa.RecordBatch:
        """Some fields in columns."""
        ...

    def encode(self, codec: Codec, schema: Schema) -> list[bytes]:
        """Each record in the wire format."""
        ...


@dataclass(frozen=True, slots=True)
class RowRecords:
    """Records as Avro data: times are ms since the epoch."""

    data: Sequence[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.data)

    def texts(self, field: str) -> list[str | None]:
        return [None if datum.get(field) is None else str(datum[field]) for datum in self.data]

    def times(self, field: str) -> pa.Array:
        return pa.array([datum[field] for datum in self.data], TIME)

    def take(self, schema: pa.Schema) -> pa.RecordBatch:
        """Only the columns that are asked for: building a column costs more than scoring a row."""
        return pa.RecordBatch.from_pylist(list(self.data), schema=schema)

    def encode(self, codec: Codec, schema: Schema) -> list[bytes]:
        return codec.encode_each(self.data, schema)


@dataclass(frozen=True, slots=True)
class ColumnRecords:
    """Records as a batch of all the fields, in the types of the record's Arrow schema."""

    rows: pa.RecordBatch

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def texts(self, field: str) -> list[str | None]:
        return [None if value is None else str(value) for value in self.rows.column(field).to_pylist()]

    def times(self, field: str) -> pa.Array:
        return self.rows.column(field).cast(TIME, safe=False)

    def take(self, schema: pa.Schema) -> pa.RecordBatch:
        return self.rows.select(schema.names)

    def encode(self, codec: Codec, schema: Schema) -> list[bytes]:
        return codec.encode(self.rows, schema)


def record_keys(entities: Sequence[Any], event_ids: Sequence[Any], *, hidden: bool) -> list[bytes]:
    """The record keys: the entity as UTF-8, or the event id where the entity is null. `hidden`: a privacy rule stands
    on the entity, so an empty one is one of which nothing is left.
    """
    return [
        str(event_id if entity is None or (hidden and entity == "") else entity).encode()
        for entity, event_id in zip(entities, event_ids, strict=True)
    ]
