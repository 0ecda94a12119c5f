"""Events and their labels, which come later and by another way, as one table of labelled rows; and that as
examples.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.rows.features import FeatureLike, feature_inputs
from tidemill_learning.training.examples import Examples, InputSpec, Task

EVENT_ID = "_event_id"
EVENT_TIME = "_event_time"
OBSERVED_AT = "_observed_at"
LABEL = "_label"
"""Columns of the platform beside the record's own; the underscore keeps them apart from any field of a user's."""


def join_labels(events: pa.Table, labels: pa.Table) -> pa.Table:
    """The events that have a label, each once, with `_label` and `_observed_at`; every other column as it was.

    `events`: `_event_id`, `_event_time` (timestamp ms) and the record's fields, perhaps with `_label` where it was
    known at once. `labels`: `_event_id`, `_label`, `_observed_at`. Of an event that came twice the first counts; of
    labels for one event the one observed last (a correction), and of two observed at the same time the first; a label
    that came apart from its event wins over the event's own.
    """
    ids = pa.chunked_array([*events.column(EVENT_ID).chunks, *labels.column(EVENT_ID).chunks], type=pa.string())
    codes = _codes(ids)
    of_events, of_labels = codes[: events.num_rows], codes[events.num_rows :]
    label_at = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    backwards = _milliseconds(labels.column(OBSERVED_AT))[::-1]
    in_time = labels.num_rows - 1 - np.argsort(backwards, kind="stable")  # of equals the first comes last, and stays
    label_at[of_labels[in_time]] = in_time
    own = _own_labels(events)
    first = np.sort(np.unique(of_events, return_index=True)[1])
    kept = first[(label_at[of_events[first]] >= 0) | own[first]]
    return _with_labels(events, labels, kept, label_at[of_events[kept]])


def newest(table: pa.Table, count: int) -> pa.Table:
    """The `count` newest rows by `_event_time`, oldest first."""
    order = np.argsort(_milliseconds(table.column(EVENT_TIME)), kind="stable")
    return table.take(pa.array(order[-count:]))


def to_examples(table: pa.Table, features: Iterable[FeatureLike], task: Task) -> Examples:
    """Examples of a labelled table, in its order."""
    return Examples(
        inputs=feature_inputs(table.combine_chunks(), features),
        target=_target(table.column(LABEL), task),
        event_time=_milliseconds(table.column(EVENT_TIME)),
        observed_at=_milliseconds(table.column(OBSERVED_AT)),
        position=np.arange(table.num_rows, dtype=np.int64),
    )


def input_specs(features: Iterable[FeatureLike]) -> tuple[InputSpec, ...]:
    """The graph's inputs, in the order of the model file, with what is to be done about nulls."""
    specs: list[InputSpec] = []
    for feature in features:
        if feature.kind == "time":
            specs += [InputSpec(f"{feature.name}_{part}", "time") for part in feature.parts]
        elif feature.kind == "category":
            specs.append(InputSpec(feature.name, "category"))
        else:
            specs.append(InputSpec(feature.name, "number", getattr(feature, "missing", None)))
    return tuple(specs)


def _codes(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    encoded = ids.combine_chunks().dictionary_encode()
    array = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(array.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _own_labels(events: pa.Table) -> NDArray[np.bool_]:
    if LABEL not in events.column_names:
        return np.zeros(events.num_rows, dtype=bool)
    return np.asarray(pc.is_valid(events.column(LABEL)).to_numpy())


def _with_labels(events: pa.Table, labels: pa.Table, kept: NDArray[np.int64], at: NDArray[np.int64]) -> pa.Table:
    rows = events.take(pa.array(kept))
    mask = pa.array(at < 0)
    taken = labels.select([LABEL, OBSERVED_AT]).take(pa.array(at, mask=at < 0))
    label, observed = taken.column(LABEL), taken.column(OBSERVED_AT)
    if LABEL in rows.column_names:
        label = pc.if_else(mask, rows.column(LABEL), label)
    observed = pc.if_else(mask, rows.column(EVENT_TIME).cast(observed.type), observed)
    plain = rows.select([name for name in rows.column_names if name not in (LABEL, OBSERVED_AT)])
    return plain.append_column(LABEL, label).append_column(OBSERVED_AT, observed)


def _milliseconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    values = column.cast(pa.timestamp("ms", tz="UTC"), safe=False) if pa.types.is_timestamp(column.type) else column
    return np.asarray(values.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _target(column: pa.ChunkedArray, task: Task) -> NDArray[np.generic]:
    if task == "binary":
        return np.asarray(column.cast(pa.int8()).to_numpy(), dtype=np.int64)
    if task == "multiclass":
        return np.asarray(column.cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object)
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
