"""Records of three topics as rows of one training table. Pure: columns in, columns out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT

KIND, TOPIC, PARTITION, OFFSET = "_kind", "_topic", "_partition", "_offset"
"""With those of `labelled` the platform's own columns; the underscore keeps them apart from a user's fields."""

TOPIC_ID = "_topic_id"
"""Of the topic that a row was read from: one that was made anew gives the same offsets again. Null: not known."""

TRACE = "_traceparent"
"""The trace context of the record, where that is sampled: few are. Null: not sampled, or from before it was kept."""

EVENT, LABELLED, REST = "event", "label", "rest"

ROWS_BEFORE = "tidemill/rows-before"
"""The application transaction of a table that says before which event time rows were taken out by retention, in ms."""

TIME = pa.timestamp("us", tz="UTC")
"""Delta Lake keeps microseconds."""

LABEL_TYPES = {"binary": pa.bool_(), "multiclass": pa.string(), "regression": pa.float64()}


def table_schema(spec: ModelSpec, record: pa.Schema) -> pa.Schema:
    """Columns of a model's training table: the platform's own, then the record's fields, all nullable."""
    own = [
        (KIND, pa.string()),
        (TOPIC, pa.string()),
        (PARTITION, pa.int32()),
        (OFFSET, pa.int64()),
        (TOPIC_ID, pa.string()),
        (EVENT_ID, pa.string()),
        (EVENT_TIME, TIME),
        (OBSERVED_AT, TIME),
        (LABEL, LABEL_TYPES[spec.target.task]),
        (TRACE, pa.string()),
    ]
    fields = [pa.field(name, kind) for name, kind in own]
    return pa.schema([*fields, *(pa.field(f.name, _stored(f.type)) for f in record if f.name not in dict(own))])


def event_rows(
    schema: pa.Schema,
    spec: ModelSpec,
    record: pa.RecordBatch,
    topic: str,
    partitions: Sequence[int],
    offsets: Sequence[int],
    *,
    kind: str = EVENT,
    event_ids: pa.Array | None = None,
) -> pa.Table:
    """Rows of events (or of REST inputs, whose `event_ids` come from the prediction), one per record."""
    own = {
        EVENT_ID: event_ids if event_ids is not None else record.column(spec.event_id),
        EVENT_TIME: record.column(spec.event_time),
        LABEL: record.column(spec.target.label) if spec.target.label in record.schema.names else None,
    }
    fields = {name: record.column(name) for name in record.schema.names if name in schema.names}
    return _table(schema, kind, topic, partitions, offsets, fields | own)


def label_rows(
    schema: pa.Schema, labels: pa.RecordBatch, topic: str, partitions: Sequence[int], offsets: Sequence[int]
) -> pa.Table:
    """Rows of labels, one per record; the record's fields are null."""
    own = {
        EVENT_ID: labels.column("event_id"),
        EVENT_TIME: labels.column("event_time"),
        OBSERVED_AT: labels.column("observed_at"),
        LABEL: labels.column("label"),
    }
    return _table(schema, LABELLED, topic, partitions, offsets, own)


def rest_positions(predictions: pa.RecordBatch) -> NDArray[np.int64]:
    """Which predictions were made over REST and carry their input: int64 positions."""
    wanted = pc.and_(pc.equal(predictions.column("source"), "rest"), pc.is_valid(predictions.column("input")))
    return np.flatnonzero(np.asarray(pc.fill_null(wanted, False).to_numpy(zero_copy_only=False)))


def with_topic_id(rows: pa.Table, topic_id: str) -> pa.Table:
    """The rows, as of a topic with this id; as they are where it is empty."""
    if not topic_id or not rows.num_rows:
        return rows
    at = rows.schema.get_field_index(TOPIC_ID)
    return rows.set_column(at, rows.schema.field(at), pa.repeat(pa.scalar(topic_id), rows.num_rows))


def with_traces(rows: pa.Table, traces: Mapping[tuple[int, int], bytes]) -> pa.Table:
    """The rows, each with the trace context of its record, by partition and offset; as they are where there is none."""
    if not traces or not rows.num_rows:
        return rows
    places = zip(rows.column(PARTITION).to_pylist(), rows.column(OFFSET).to_pylist(), strict=True)
    found = [traces[place].decode() if place in traces else None for place in places]
    at = rows.schema.get_field_index(TRACE)
    return rows.set_column(at, rows.schema.field(at), pa.array(found, pa.string()))


def after(rows: pa.Table, ends: dict[tuple[str, int], int]) -> pa.Table:
    """The rows at or after their partition's end in `ends`: what is not in the table yet."""
    if not rows.num_rows or not ends:
        return rows
    keep = np.ones(rows.num_rows, dtype=bool)
    partition = rows.column(PARTITION).to_numpy()
    offset = rows.column(OFFSET).to_numpy()
    topics = rows.column(TOPIC).combine_chunks().dictionary_encode()
    names, codes = topics.dictionary.to_pylist(), np.asarray(topics.indices)
    for (topic, number), end in ends.items():
        if topic in names:
            keep &= ~((codes == names.index(topic)) & (partition == number) & (offset < end))
    return rows if keep.all() else rows.filter(pa.array(keep))


def _table(
    schema: pa.Schema, kind: str, topic: str, partitions: Sequence[int], offsets: Sequence[int],
    columns: dict[str, pa.Array | None],
) -> pa.Table:  # fmt: skip
    count = len(offsets)
    given: dict[str, pa.Array | None] = columns | {
        KIND: pa.repeat(pa.scalar(kind), count),
        TOPIC: pa.repeat(pa.scalar(topic), count),
        PARTITION: pa.array(partitions, pa.int32()),
        OFFSET: pa.array(offsets, pa.int64()),
    }
    return pa.table([_column(given.get(field.name), field, count) for field in schema], schema=schema)


def _column(values: pa.Array | None, field: pa.Field, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, field.type)
    return values if values.type == field.type else values.cast(field.type, safe=False)


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type that Delta Lake keeps a record's field in: it has no milliseconds, unsigned numbers or
    dictionaries.
    """
    if pa.types.is_timestamp(kind):
        return TIME
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return kind
