"""Records of three topics as rows of one table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.unit.trainer.fixtures import CLEAN, RECORD, SCHEMA, SPEC, events, labels
from tidemill_learning.data_set.table_rows import (
    EVENT,
    LABELLED,
    REST,
    TIME,
    after,
    event_rows,
    rest_positions,
    table_schema,
)


def test_a_users_field_named_like_one_of_ours_stays_apart() -> None:
    names = table_schema(SPEC, pa.schema([("kind", pa.string()), ("topic", pa.string()), ("seen_at", TIME)])).names
    assert {"_kind", "kind", "_topic", "topic"} <= set(names)


def test_events_and_labels_have_one_schema_and_name_their_place() -> None:
    event, label = events(7, 1), labels(7, 1, partition=1)
    assert event.schema.equals(label.schema) and event.schema.equals(SCHEMA)
    assert event.column("_kind").to_pylist() == [EVENT] and label.column("_kind").to_pylist() == [LABELLED]
    assert (label.column("_partition")[0].as_py(), label.column("_offset")[0].as_py()) == (1, 7)
    assert event.column("_event_id").to_pylist() == label.column("_event_id").to_pylist() == ["e7"]
    assert label.column("gauge").to_pylist() == [None] and event.column("_label").to_pylist() == [None]


def test_a_label_that_came_with_its_event_is_kept() -> None:
    own = RECORD.append(pa.field("high", pa.bool_()))
    record = pa.record_batch([["e1"], pa.array([0], own.field(1).type), ["g"], [1.0], [True]], schema=own)
    rows = event_rows(table_schema(SPEC, own), SPEC, record, CLEAN, [0], [0])
    assert rows.column("_label").to_pylist() == [True]


def test_only_rest_predictions_with_an_input_bring_a_row() -> None:
    predictions = pa.record_batch(
        {
            "source": ["stream", "rest", "rest"],
            "input": pa.array([None, b"x", None], pa.binary()),
            "event_id": ["a", "b", "c"],
        }
    )
    assert rest_positions(predictions).tolist() == [1]
    assert events(0, 1, kind=REST, event_ids=pa.array(["b"])).column("_event_id").to_pylist() == ["b"]


def test_rows_before_the_end_of_their_own_partition_are_trimmed() -> None:
    rows = pa.concat_tables([events(0, 4), events(0, 4, partition=1), labels(0, 4)])
    kept = after(rows, {(CLEAN, 0): 3, (CLEAN, 1): 1, ("another", 0): 99})
    found = list(
        zip(
            kept["_topic"].to_pylist(),
            kept["_partition"].to_pylist(),
            kept["_offset"].to_pylist(),
            strict=True,
        )
    )
    assert len(found) == 8 and (CLEAN, 0, 3) in found and (CLEAN, 0, 2) not in found and (CLEAN, 1, 1) in found
    assert np.array_equal(after(rows, {})["_offset"], rows["_offset"])
