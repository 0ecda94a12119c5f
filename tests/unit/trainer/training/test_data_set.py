"""A data set is a table version with the offsets behind it, and only the newest rows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, PREDICTIONS, SCHEMA, SPEC, events, labels
from tidemill_learning.data_set.table_rows import REST
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.training.data_set import load_data_set


def filled(folder: Path, commits: int = 4, size: int = 50) -> str:
    uri = (folder / "table").as_uri()
    table = TrainingTable(uri, SCHEMA, PARTS)
    for k in range(commits):
        rows = pa.concat_tables([events(k * size, size), labels(k * size, size)])
        table.append(rows, {(CLEAN, 0): (k + 1) * size, (LABELS, 0): (k + 1) * size})
    return uri


def test_the_newest_labelled_rows_are_loaded_oldest_first_with_the_offsets_behind_them(
    tmp_path: Path,
) -> None:
    loaded = load_data_set(filled(tmp_path), replace(SPEC, training=replace(SPEC.training, newest=30)), CLEAN, PARTS)
    assert loaded.rows.column("_event_id").to_pylist() == [f"e{n}" for n in range(170, 200)]
    assert loaded.start_offsets == (200, 0)
    assert {(one.topic, one.partition, one.first, one.last) for one in loaded.data_set.offsets} == {
        (CLEAN, 0, 150, 199), (LABELS, 0, 150, 199),
    }  # fmt: skip
    assert loaded.cut_off_ms == 199 * 60_000 + 600_000


def test_files_that_hold_no_newest_row_are_not_read(tmp_path: Path) -> None:
    uri = filled(tmp_path)
    for file in (tmp_path / "table").glob("_kind=*/*.parquet"):
        if min(pq.read_table(file)["_offset"].to_pylist()) < 100:
            file.write_bytes(b"not parquet")
    loaded = load_data_set(uri, replace(SPEC, training=replace(SPEC.training, newest=40)), CLEAN, PARTS)
    assert loaded.rows.num_rows == 40


def test_an_earlier_version_gives_the_data_set_of_that_time(tmp_path: Path) -> None:
    uri = filled(tmp_path)
    loaded = load_data_set(uri, SPEC, CLEAN, PARTS, version=2)
    assert loaded.start_offsets == (100, 0) and loaded.data_set.table_version == 2
    assert loaded.rows.equals(load_data_set(uri, SPEC, CLEAN, PARTS, version=2).rows)


def test_what_became_known_later_than_label_time_is_not_in_its_data_set(tmp_path: Path) -> None:
    uri = filled(tmp_path)
    large = replace(SPEC, training=replace(SPEC.training, newest=1_000))
    everything = load_data_set(uri, large, CLEAN, PARTS)
    observed = everything.rows.column("_observed_at").cast(pa.int64()).to_numpy() // 1_000
    half = int(np.sort(observed)[len(observed) // 2])
    loaded = load_data_set(uri, large, CLEAN, PARTS, known_by_ms=half)
    assert loaded.cut_off_ms == half and 0 < loaded.rows.num_rows < everything.rows.num_rows
    known = everything.rows.filter(pa.array(observed <= half))
    assert loaded.rows.column("_event_id").to_pylist() == known.column("_event_id").to_pylist()


def test_rows_of_one_time_stand_by_their_event_ids_wherever_they_came_from(tmp_path: Path) -> None:
    table = TrainingTable((tmp_path / "table").as_uri(), SCHEMA, PARTS)
    at = SCHEMA.get_field_index("_event_time")
    for partition, first in ((1, 0), (0, 3)):
        rows = pa.concat_tables([events(first, 3, partition), labels(first, 3, partition)])
        same = pa.repeat(pa.scalar(60_000_000, pa.int64()), rows.num_rows).cast(SCHEMA.field(at).type)
        end = {(CLEAN, partition): first + 3, (LABELS, partition): first + 3}
        table.append(rows.set_column(at, SCHEMA.field(at), same), end)
    loaded = load_data_set((tmp_path / "table").as_uri(), SPEC, CLEAN, PARTS)
    assert loaded.rows.column("_event_id").to_pylist() == [f"e{n}" for n in range(6)]


def test_events_that_label_time_has_not_come_to_are_left_out(tmp_path: Path) -> None:
    loaded = load_data_set(filled(tmp_path), SPEC, CLEAN, PARTS, without=["e198", "e150"])
    ids = loaded.rows.column("_event_id").to_pylist()
    assert len(ids) == 100 and ids[-1] == "e199" and not {"e198", "e150"} & set(ids)


def test_a_rest_input_is_a_row_like_any_other_and_gives_way_to_its_event_on_the_stream(
    tmp_path: Path,
) -> None:
    uri = (tmp_path / "table").as_uri()
    table = TrainingTable(uri, SCHEMA, PARTS)
    rest = events(0, 4, topic=PREDICTIONS, kind=REST)
    table.append(
        pa.concat_tables([rest, events(2, 2), labels(0, 4)]),
        {(CLEAN, 0): 4, (PREDICTIONS, 0): 4, (LABELS, 0): 4},
    )
    loaded = load_data_set(uri, SPEC, CLEAN, PARTS)
    assert loaded.rows.column("_event_id").to_pylist() == ["e0", "e1", "e2", "e3"]
    assert {one.topic for one in loaded.data_set.offsets} == {CLEAN, LABELS, PREDICTIONS}


def test_a_table_without_labelled_rows_is_refused_in_words(tmp_path: Path) -> None:
    uri = (tmp_path / "table").as_uri()
    table = TrainingTable(uri, SCHEMA, PARTS)
    with pytest.raises(ValueError, match="no events"):
        load_data_set(uri, SPEC, CLEAN, PARTS)
    table.append(events(0, 3), {(CLEAN, 0): 3})
    with pytest.raises(ValueError, match="none of the 3 events of tide has a label"):
        load_data_set(uri, SPEC, CLEAN, PARTS)
