"""The training table takes every row once, whoever writes and whatever is written again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, events, labels
from tidemill_learning.data_set.table_rows import EVENT, LABELLED
from tidemill_trainer.collect.training_table import CHECKPOINT_EVERY, TrainingTable


def table(folder: Path) -> TrainingTable:
    return TrainingTable((folder / "table").as_uri(), SCHEMA, PARTS)


def offsets(folder: Path) -> list[int]:
    fresh = table(folder)
    return sorted(fresh.column(EVENT, "_offset").to_pylist())


def test_rows_and_the_ends_of_their_partitions_go_in_together(tmp_path: Path) -> None:
    writer = table(tmp_path)
    rows = pa.concat_tables([events(0, 3), events(5, 2, partition=1), labels(0, 1)])
    writer.append(rows, {(CLEAN, 0): 3, (CLEAN, 1): 7, (LABELS, 0): 1})
    assert table(tmp_path).ends() == {(CLEAN, 0): 3, (CLEAN, 1): 7, (LABELS, 0): 1}
    assert table(tmp_path).version == 1, "one commit for all partitions"


def test_what_is_appended_again_does_not_go_in_again(tmp_path: Path) -> None:
    writer = table(tmp_path)
    writer.append(events(0, 5), {(CLEAN, 0): 5})
    assert writer.append(events(0, 5), {(CLEAN, 0): 5}).num_rows == 0
    assert writer.append(events(3, 5), {(CLEAN, 0): 8}).num_rows == 3
    assert table(tmp_path).append(events(0, 8), {(CLEAN, 0): 8}).num_rows == 0
    assert offsets(tmp_path) == list(range(8))


def test_of_two_writers_with_the_same_rows_the_second_loads_again_and_trims(tmp_path: Path) -> None:
    one, other = table(tmp_path), table(tmp_path)
    assert one.append(events(0, 5), {(CLEAN, 0): 5}).num_rows == 5
    assert other.append(events(0, 7), {(CLEAN, 0): 7}).num_rows == 2
    assert one.append(events(0, 9), {(CLEAN, 0): 9}).num_rows == 2
    assert offsets(tmp_path) == list(range(9))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 8), st.integers(1, 6)), max_size=8))
def test_no_row_is_doubled_whoever_writes_what_in_which_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("law")
    writers = [table(folder) for _ in range(3)]
    highest = {0: 0, 1: 0}
    for who, partition, back, count in steps:
        first = max(0, highest[partition] - back)  # a writer that starts over reads from an earlier offset
        writers[who].append(events(first, count, partition), {(CLEAN, partition): first + count})
        highest[partition] = max(highest[partition], first + count)
    rows = table(folder)
    placed = list(
        zip(
            rows.column(EVENT, "_partition").to_pylist(),
            rows.column(EVENT, "_offset").to_pylist(),
            strict=True,
        )
    )
    assert sorted(placed) == [(p, o) for p in (0, 1) for o in range(highest[p])]


def test_an_older_end_never_moves_a_partition_back(tmp_path: Path) -> None:
    writer = table(tmp_path)
    writer.append(events(0, 5), {(CLEAN, 0): 5})
    writer.append(events(0, 2, partition=1), {(CLEAN, 0): 3, (CLEAN, 1): 2})
    assert table(tmp_path).ends() == {(CLEAN, 0): 5, (CLEAN, 1): 2}


def test_counts_come_from_the_log(tmp_path: Path) -> None:
    writer = table(tmp_path)
    writer.append(pa.concat_tables([events(0, 4), labels(0, 3)]), {(CLEAN, 0): 4, (LABELS, 0): 3})
    counts = table(tmp_path).counts()
    assert (counts[EVENT].rows, counts[EVENT].labelled, counts[LABELLED].rows) == (4, 0, 3)
    assert counts[EVENT].newest_ms == 3 * 60_000


def test_a_field_that_the_record_gains_becomes_a_column(tmp_path: Path) -> None:
    table(tmp_path).append(events(0, 2), {(CLEAN, 0): 2})
    wider = SCHEMA.append(pa.field("rain", pa.float64()))
    writer = TrainingTable((tmp_path / "table").as_uri(), wider, PARTS)
    rows = events(2, 1).append_column("rain", pa.array([0.5]))
    writer.append(rows, {(CLEAN, 0): 3})
    assert sorted(writer.column(EVENT, "rain").to_pylist(), key=str) == [0.5, None, None]


@pytest.mark.parametrize("of_before", [False, True])
def test_the_log_tells_ranges_of_few_columns_and_rows_are_found_by_all(tmp_path: Path, of_before: bool) -> None:
    if of_before:
        DeltaTable.create(str(tmp_path / "table"), SCHEMA, partition_by=["_kind"])
    writer = table(tmp_path)
    writer.append(pa.concat_tables([events(0, 3), labels(0, 1)]), {(CLEAN, 0): 3, (LABELS, 0): 1})
    stored = DeltaTable(str(tmp_path / "table"))
    told = {name.removeprefix("max.") for name in stored.get_add_actions(flatten=True).schema.names if "max." in name}
    assert told == {"_event_time", "_observed_at", "_label", "_partition", "_offset"}
    found = stored.to_pyarrow_dataset()
    for name in ("_event_id", "_offset"):
        for value in set(found.to_table(columns=[name]).column(name).to_pylist()):
            assert found.to_table(filter=ds.field(name) == value).num_rows, (name, value)


def test_a_table_of_before_opens_while_others_write_it_and_keeps_every_row(tmp_path: Path) -> None:
    DeltaTable.create(str(tmp_path / "table"), SCHEMA, partition_by=["_kind"])
    with ThreadPoolExecutor(4) as several:
        opened = [one.result() for one in [several.submit(table, tmp_path) for _ in range(4)]]
    for number, writer in enumerate(opened):
        writer.append(events(number, 1), {(CLEAN, 0): number + 1})
    assert offsets(tmp_path) == [0, 1, 2, 3]
    assert "delta.dataSkippingStatsColumns" in DeltaTable(str(tmp_path / "table")).metadata().configuration


def test_compaction_changes_neither_rows_nor_ends_and_the_writer_goes_on(tmp_path: Path) -> None:
    writer = table(tmp_path)
    for first in range(0, 12, 3):
        writer.append(events(first, 3), {(CLEAN, 0): first + 3})
    writer.compact()
    assert writer.counts()[EVENT].files == 1
    writer.append(events(12, 1), {(CLEAN, 0): 13})
    assert offsets(tmp_path) == list(range(13))
    assert table(tmp_path).ends() == {(CLEAN, 0): 13}


def test_a_compaction_that_another_writer_was_faster_than_leaves_all_to_the_next_time(tmp_path: Path) -> None:
    writer = table(tmp_path)
    for first in range(0, 12, 3):
        writer.append(events(first, 3), {(CLEAN, 0): first + 3})
    DeltaTable(str(tmp_path / "table")).delete('"_offset" = 4')
    writer.compact()
    assert sum(kind.rows for kind in writer.counts().values()) == 11, "it has taken the newest snapshot"
    writer.append(events(12, 1), {(CLEAN, 0): 13})
    writer.compact()
    assert offsets(tmp_path) == [n for n in range(13) if n != 4]


def test_the_log_is_checkpointed_and_ends_survive_it(tmp_path: Path) -> None:
    writer = table(tmp_path)
    for first in range(CHECKPOINT_EVERY + 2):
        writer.append(events(first, 1), {(CLEAN, 0): first + 1})
    assert list((tmp_path / "table" / "_delta_log").glob("*.checkpoint.parquet"))
    assert table(tmp_path).ends() == {(CLEAN, 0): CHECKPOINT_EVERY + 2}
