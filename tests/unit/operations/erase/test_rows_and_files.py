"""An entity's rows go from a training table, and its name from every byte of its folder; all else stays."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tests.unit.operations.erase.tables import (
    HARBOUR,
    OURS,
    SPEC,
    files_with,
    filled,
    harbour_events,
    wanted,
)
from tests.unit.trainer.fixtures import CLEAN, LABELS
from tidemill.errors import RetryLater
from tidemill_learning.data_set.table_rows import with_topic_id
from tidemill_operations.erase.files import harmless_stats, leftovers, old_files, take_old_files
from tidemill_operations.erase.positions import Positions
from tidemill_operations.erase.rows import delete_rows, find_rows
from tidemill_trainer.assess.joined import newly_labelled
from tidemill_trainer.assess.table_steps import FilesGone, TableSteps


def test_rows_of_events_and_of_their_labels_go_and_all_others_and_the_ends_stay(tmp_path: Path) -> None:
    table = filled(tmp_path)
    uri = (tmp_path / "tide").as_uri()
    others = [row for row in DeltaTable(uri).to_pyarrow_table().to_pylist() if HARBOUR not in str(row)]

    found = find_rows(DeltaTable(uri), SPEC, wanted())
    assert found.offsets == {(CLEAN, 0, ""): set(OURS), (LABELS, 0, ""): set(OURS)}
    assert delete_rows(uri, SPEC, wanted()) == (2 * len(OURS), 5)
    assert delete_rows(uri, SPEC, wanted()) == (0, 5), "it may be run again"

    left = DeltaTable(uri).to_pyarrow_table().to_pylist()
    assert sorted(map(str, left)) == sorted(map(str, others)) and len(others) == 26
    table.reload()
    assert table.ends() == {(CLEAN, 0): 16, (LABELS, 0): 16}


def test_afterwards_no_byte_of_the_folder_names_it_neither_in_files_nor_in_the_log(tmp_path: Path) -> None:
    filled(tmp_path, commits=60)
    uri = (tmp_path / "tide").as_uri()
    named = files_with(tmp_path, HARBOUR)
    assert any(name.endswith(".json") for name in named) and any("checkpoint" in name for name in named)

    delete_rows(uri, SPEC, wanted())
    assert old_files(DeltaTable(uri)) >= 3
    taken = take_old_files(DeltaTable(uri))
    assert taken.files >= 3 and taken.entries >= 3
    assert files_with(tmp_path, HARBOUR) == []
    assert files_with(tmp_path, "Other-1"), "it looks where values stand"

    again = take_old_files(DeltaTable(uri))
    assert (again.files, again.entries) == (0, 0)
    newest = DeltaTable(uri)
    assert newest.to_pyarrow_table().num_rows == 2 * (240 - len(OURS))
    assert DeltaTable(uri, version=52).version() == 52, "every version of the log can be opened still"


def test_files_of_the_log_keep_their_sizes_so_that_who_holds_an_old_version_reads_on(tmp_path: Path) -> None:
    table = filled(tmp_path, commits=60)
    uri = (tmp_path / "tide").as_uri()
    log = tmp_path / "tide" / "_delta_log"
    held, sizes = DeltaTable(uri), {path.name: path.stat().st_size for path in log.glob("0*")}
    delete_rows(uri, SPEC, wanted())
    assert take_old_files(DeltaTable(uri)).entries >= 3
    assert {name: (log / name).stat().st_size for name in sizes} == sizes
    assert held.transaction_version(f"{CLEAN}/0") == 240 and len(held.file_uris()) == 120
    held.update_incremental()
    assert held.transaction_version(f"{CLEAN}/0") == 240
    assert table.ends() == {(CLEAN, 0): 240, (LABELS, 0): 240}, "the trainer's own handle, too"


def test_a_writer_with_an_old_handle_goes_on_and_what_comes_in_meanwhile_goes_too(tmp_path: Path) -> None:
    table = filled(tmp_path)
    uri = (tmp_path / "tide").as_uri()
    delete_rows(uri, SPEC, wanted())
    take_old_files(DeltaTable(uri))
    assert table.append(harbour_events(16, 4, ours=(17,)), {(CLEAN, 0): 20}).num_rows == 4
    assert delete_rows(uri, SPEC, wanted())[0] == 1
    assert DeltaTable(uri).to_pyarrow_table().num_rows == 26 + 3


def test_deleted_beside_a_writer_that_never_rests_nothing_is_lost_or_left(tmp_path: Path) -> None:
    table = filled(tmp_path)
    uri = (tmp_path / "tide").as_uri()
    stop, written = threading.Event(), [16]

    def write() -> None:
        while not stop.is_set() and written[0] < 400:
            first = written[0]
            try:
                table.append(harbour_events(first, 4, ours=(20, 21)), {(CLEAN, 0): first + 4})
                if first % 40 == 0:
                    table.compact()
            except RetryLater:
                continue  # as collect does
            written[0] += 4

    writer = threading.Thread(target=write)
    writer.start()
    try:
        deadline = time.monotonic() + 20
        while written[0] < 28 and time.monotonic() < deadline:
            stop.wait(0.005)
        for _ in range(3):
            delete_rows(uri, SPEC, wanted())
            take_old_files(DeltaTable(uri))
    finally:
        stop.set()
        writer.join()
    delete_rows(uri, SPEC, wanted())
    take_old_files(DeltaTable(uri))
    offsets = DeltaTable(uri).to_pyarrow_table(filters=[("_kind", "=", "event")]).column("_offset").to_pylist()
    assert sorted(offsets) == [n for n in range(written[0]) if n not in (*OURS, 20, 21)]
    told = {f"tide/{one.path}" for one in leftovers(DeltaTable(uri), SPEC, wanted())}
    assert set(files_with(tmp_path, HARBOUR)) == told, "but for what a compaction has left that came too late"


def test_a_row_is_found_by_its_very_topic_where_that_was_made_anew(tmp_path: Path) -> None:
    table = filled(tmp_path, commits=0)
    uri = (tmp_path / "tide").as_uri()
    table.append(with_topic_id(harbour_events(0, 4), "one"), {(CLEAN, 0): 4}, {CLEAN: "one"})
    table.append(with_topic_id(harbour_events(0, 4, ours=(1,)), "anew"), {(CLEAN, 0): 4}, {CLEAN: "anew"})
    found = find_rows(DeltaTable(uri), SPEC, wanted())
    assert found.offsets == {(CLEAN, 0, "one"): {2, 3}, (CLEAN, 0, "anew"): {1}}
    delete_rows(uri, SPEC, wanted())
    assert DeltaTable(uri).to_pyarrow_table().num_rows == 8 - 3


def test_a_file_that_no_commit_names_is_told_while_it_is_young_and_taken_when_it_is_old(tmp_path: Path) -> None:
    filled(tmp_path)
    uri = (tmp_path / "tide").as_uri()
    old = next(name for name in files_with(tmp_path, HARBOUR) if "_kind=event" in name)
    left = tmp_path / "tide" / "_kind=event" / "left-by-a-kill.parquet"
    shutil.copy(tmp_path / old, left)
    delete_rows(uri, SPEC, wanted())
    take_old_files(DeltaTable(uri))
    (told,) = leftovers(DeltaTable(uri), SPEC, wanted())
    assert told.path.endswith(left.name) and left.exists()

    os.utime(left, (time.time() - 25 * 3_600,) * 2)
    assert take_old_files(DeltaTable(uri)).files == 1
    assert leftovers(DeltaTable(uri), SPEC, wanted()) == [] and not left.exists()


def test_label_time_that_was_behind_goes_on_where_files_are_gone(tmp_path: Path) -> None:
    filled(tmp_path)
    uri = (tmp_path / "tide").as_uri()
    steps = TableSteps(uri)
    first = steps.after(0)
    assert first is not None
    delete_rows(uri, SPEC, wanted())
    take_old_files(DeltaTable(uri))
    with pytest.raises(FilesGone):
        newly_labelled(first, ())
    whole = newly_labelled(steps.over(-1), ()).column("_event_id").to_pylist()
    assert len(whole) == 16 - len(OURS), "of a table of which nothing was read, all of it is one step"
    assert newly_labelled(steps.over(2), ()).num_rows == 0
    deletion = steps.after(4)
    assert deletion is not None and deletion.took_away


def test_positions_are_written_as_ranges_and_counted_within_a_data_set() -> None:
    found = Positions()
    found.add(("a-clean", 1, ""), (3, 4, 5, 9))
    found.add(("a-clean", 1, "id-1"), (7,))
    assert found.to_dict() == {"a-clean/1": "3-5,9", "a-clean@id-1/1": "7"}
    assert Positions.from_dict(found.to_dict()).offsets == found.offsets
    assert found.within([{"topic": "a-clean", "partition": 1, "first": 4, "last": 8}]) == 3
    assert found.within([{"topic": "a-clean", "partition": 2, "first": 0, "last": 80}]) == 0


def test_of_statistics_only_what_tells_of_times_and_offsets_stays() -> None:
    told = (
        '{"numRecords":1,"minValues":{"_event_time":"2026-01-01","gauge":"G"},"maxValues":{"wind":2.0},"nullCount":{}}'
    )
    assert harmless_stats(told) == (
        '{"numRecords":1,"minValues":{"_event_time":"2026-01-01"},"maxValues":{},"nullCount":{}}'
    )
    assert harmless_stats(None) is None


def test_writes_that_were_killed_and_that_delta_lake_does_not_list_go_once_they_are_a_day_old(tmp_path: Path) -> None:
    """As the store behind Delta Lake names a file that it writes, and as ours does; the log's name values, too."""
    filled(tmp_path)
    folder = tmp_path / "tide"
    killed = [
        folder / "_kind=event" / "part-00000-x-c000.zstd.parquet#1",
        folder / "_delta_log" / f"{9:020}.json#1",
        folder / "_kind=event" / f"part-1.parquet.{'0a' * 16}.partial",
    ]
    for path in killed:
        path.write_bytes(HARBOUR.encode())
    uri = folder.as_uri()
    delete_rows(uri, SPEC, wanted())
    take_old_files(DeltaTable(uri))
    told = leftovers(DeltaTable(uri), SPEC, wanted())
    assert {one.path for one in told} == {str(path.relative_to(folder)) for path in killed}
    assert all(path.exists() for path in killed), "a writer may be at it"

    for path in killed:
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    assert leftovers(DeltaTable(uri), SPEC, wanted()) == []
    assert old_files(DeltaTable(uri)) == 3
    assert take_old_files(DeltaTable(uri)).files == 3
    assert files_with(tmp_path, HARBOUR) == []
