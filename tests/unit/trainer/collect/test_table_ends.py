"""The table knows of which topic its rows are: one that is made anew loses no row, and no row goes in twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, SPEC, events, labels
from tidemill_learning.data_set.table_rows import EVENT, TOPIC_ID, with_topic_id
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.training.data_set import load_data_set

OLD, NEW = {CLEAN: "b1ZJTMgQSm6ZqFZAnHKMxA"}, {CLEAN: "Uj3kPPc5Rk2vtrq3PWdmmQ"}
FIRST = (CLEAN, 0)


def table(folder: Path) -> TrainingTable:
    return TrainingTable((folder / "table").as_uri(), SCHEMA, PARTS)


def rows(first: int, count: int, ids: dict[str, str]) -> pa.Table:
    return with_topic_id(events(first, count), ids[CLEAN])


def test_a_topic_made_anew_has_no_end_and_its_rows_go_in_once(tmp_path: Path) -> None:
    table(tmp_path).append(rows(0, 9, OLD), {FIRST: 9}, OLD)
    assert table(tmp_path).ends(OLD) == {FIRST: 9} and table(tmp_path).ends(NEW) == {}
    one, other = table(tmp_path), table(tmp_path)
    assert one.append(rows(0, 4, NEW), {FIRST: 4}, NEW).num_rows == 4
    assert other.append(rows(0, 6, NEW), {FIRST: 6}, NEW).num_rows == 2, "the second writer trims after the clash"
    assert table(tmp_path).ends(NEW) == {FIRST: 6}
    assert table(tmp_path).ends() == {FIRST: 6}, "the end is that of the topic that is there now"


def test_a_writer_that_is_still_at_the_old_topic_takes_no_row_of_it_twice(tmp_path: Path) -> None:
    late = table(tmp_path)
    late.append(rows(0, 9, OLD), {FIRST: 9}, OLD)
    table(tmp_path).append(rows(0, 4, NEW), {FIRST: 4}, NEW)
    assert late.append(rows(5, 6, OLD), {FIRST: 11}, OLD).num_rows == 2
    assert (late.ends(OLD), late.ends(NEW)) == ({FIRST: 11}, {FIRST: 4})


def test_a_table_of_before_ids_were_kept_goes_on_where_it_was(tmp_path: Path) -> None:
    table(tmp_path).append(events(0, 9), {FIRST: 9})
    assert table(tmp_path).ends(NEW) == {FIRST: 9} and not table(tmp_path).keeps_id(FIRST)
    assert table(tmp_path).append(rows(5, 6, NEW), {FIRST: 11}, NEW).num_rows == 2
    assert table(tmp_path).ends(NEW) == {FIRST: 11} and table(tmp_path).keeps_id(FIRST)
    assert table(tmp_path).ends(OLD) == {}


@pytest.mark.parametrize("ids", [NEW, {CLEAN: ""}], ids=["with an id", "of brokers that tell none"])
def test_a_log_that_lost_its_end_is_taken_from_where_it_was_begun_again(tmp_path: Path, ids: dict[str, str]) -> None:
    writer = table(tmp_path)
    writer.append(rows(0, 9, ids), {FIRST: 9}, ids)
    writer.restart(FIRST, 5)
    assert writer.ends(ids) == {FIRST: 5}
    assert writer.append(rows(4, 3, ids), {FIRST: 7}, ids).num_rows == 2
    assert writer.ends(ids) == table(tmp_path).ends(ids) == {FIRST: 7}


def test_rows_say_of_which_topic_they_are(tmp_path: Path) -> None:
    writer = table(tmp_path)
    writer.append(events(0, 1), {FIRST: 1})
    writer.append(rows(1, 1, NEW), {FIRST: 2}, NEW)
    assert set(writer.column(EVENT, TOPIC_ID).to_pylist()) == {None, NEW[CLEAN]}


def test_a_data_set_over_two_topics_of_one_name_has_a_range_of_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = table(tmp_path)
    writer.append(pa.concat_tables([rows(20, 30, OLD), labels(20, 30)]), {FIRST: 50, (LABELS, 0): 50}, OLD)
    again = rows(50, 10, NEW)
    offsets = pa.array(range(10), pa.int64())
    again = again.set_column(again.schema.get_field_index("_offset"), again.schema.field("_offset"), offsets)
    writer.append(pa.concat_tables([again, labels(50, 10)]), {FIRST: 10, (LABELS, 0): 60}, NEW)
    uri = (tmp_path / "table").as_uri()
    loaded = load_data_set(uri, replace(SPEC, training=replace(SPEC.training, newest=100)), CLEAN, PARTS)
    assert loaded.rows.num_rows == 40 and loaded.start_offsets == (10, 0)
    assert [(one.topic, one.first, one.last) for one in loaded.data_set.offsets] == [
        (CLEAN, 20, 49), (CLEAN, 0, 9), (LABELS, 20, 59),
    ]  # fmt: skip
    assert f"rows of {CLEAN}/0 come from 2 topics of this name" in caplog.text


def test_rows_of_before_ids_were_kept_and_those_after_them_are_one_range(tmp_path: Path) -> None:
    writer = table(tmp_path)
    writer.append(pa.concat_tables([events(0, 30), labels(0, 30)]), {FIRST: 30, (LABELS, 0): 30})
    writer.append(rows(30, 5, NEW), {FIRST: 35}, NEW)
    loaded = load_data_set((tmp_path / "table").as_uri(), SPEC, CLEAN, PARTS)
    assert [(one.first, one.last) for one in loaded.data_set.offsets if one.topic == CLEAN] == [(0, 34)]
