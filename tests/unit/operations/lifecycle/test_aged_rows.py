"""Which rows go from a training table, beside who writes and reads it: exactly those that are older than the cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.polling import until
from tests.unit.operations.lifecycle.aged_tables import (
    BEFORE_MS,
    KEEPING,
    KEPT,
    NOW_MS,
    append,
    days,
    offsets,
    table_at,
    uri_of,
)
from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SPEC
from tidemill.errors import RetryLater
from tidemill_learning.data_set.table_rows import ROWS_BEFORE
from tidemill_operations.erase.files import store_of
from tidemill_operations.lifecycle.aged import Cut, aged, stated_files
from tidemill_operations.lifecycle.row_deletion import delete_aged
from tidemill_trainer.assess.joined import newly_labelled
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.training.data_set import load_data_set

CUT = Cut.of(NOW_MS, KEPT)
CUT_US = BEFORE_MS * 1_000
TIMES = st.one_of(
    st.none(),
    st.sampled_from([CUT_US - 1, CUT_US, CUT_US + 1, CUT_US - 1_000, CUT_US + 999, NOW_MS * 1_000]),
    st.integers(*days(400, 800)),
    st.integers(*days(1_390, 1_410)),
    st.just(1 << 62),
)
COMMITS = st.lists(st.lists(TIMES, min_size=1, max_size=6), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(commits=COMMITS, compacted=st.booleans(), untimed=st.booleans())
def test_what_goes_is_what_is_older_than_the_cut_in_whatever_file_it_stands(
    commits: list[list[int | None]], compacted: bool, untimed: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, first = Path(name), 0
        table = table_at(folder)
        for times in commits:
            append(table, first, times)
            first += len(times)
        if compacted:
            table.compact()
        every = [time for times in commits for time in times]
        unusable = {n for n, time in enumerate(every) if time is None or time > CUT.ahead_ms * 1_000}
        old = {n for n, time in enumerate(every) if time is not None and time < CUT_US} | (
            unusable if untimed else set()
        )

        cut = replace(CUT, untimed=untimed)
        looked = aged(store_of(opened := DeltaTable(uri_of(folder))), stated_files(opened), cut)
        assert sum(one.count for one in looked.values()) == 2 * len(old)
        assert sum(one.unusable for one in looked.values()) == (0 if untimed else 2 * len(unusable))
        gone, version = delete_aged(uri_of(folder), cut)
        assert gone.gone == ({"event": len(old), "label": len(old)} if old else {})
        left = sorted(set(range(first)) - old)
        assert offsets(folder) == left and offsets(folder, "label") == left
        assert delete_aged(uri_of(folder), cut) == (delete_aged(uri_of(folder), cut)[0], version), "it may be run again"
        table.reload()
        assert table.ends() == {(CLEAN, 0): first, (LABELS, 0): first}, "collect goes on where it was"


def test_texts_of_files_that_were_written_anew_can_be_filtered(tmp_path: Path) -> None:
    append(table_at(tmp_path), 0, days(500, 599, 600, 900))
    delete_aged(uri_of(tmp_path), CUT)
    opened = DeltaTable(uri_of(tmp_path))
    stored = opened.to_pyarrow_dataset()
    assert opened.to_pyarrow_table(filters=[("wind", ">=", 2.0), ("gauge", "!=", "x")]).num_rows == 2, "what is told"
    found = stored.to_table(filter=ds.field("_event_id").isin(["e1", "e2", "e3"]))
    assert sorted(found.column("_event_id").to_pylist()) == ["e2", "e2", "e3", "e3"]
    assert found.schema.field("_event_id").type == "string"


def test_deleted_beside_a_writer_that_never_rests_nothing_is_lost_doubled_or_left(tmp_path: Path) -> None:
    table, times = table_at(tmp_path), days(500, 700, 900, 599)
    append(table, 0, times)
    stop, written = threading.Event(), [4]

    def write() -> None:
        while not stop.is_set() and written[0] < 400:
            try:
                append(table, written[0], times)
                if written[0] % 40 == 0:
                    table.compact()
            except RetryLater:
                continue  # as collect does
            written[0] += 4

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: written[0] >= 16, 60, "some commits of the writer")
        for _ in range(3):
            delete_aged(uri_of(tmp_path), CUT)
    finally:
        stop.set()
        writer.join()
    delete_aged(uri_of(tmp_path), CUT)
    left = [n for n in range(written[0]) if n % 4 in (1, 2)]
    assert offsets(tmp_path) == left and offsets(tmp_path, "label") == left


def test_who_reads_an_older_version_and_label_time_read_on_while_rows_go(tmp_path: Path) -> None:
    append(table := table_at(tmp_path), 0, days(500, 501, 900, 901))
    steps, reads = TableSteps(uri_of(tmp_path)), table.version
    before = DeltaTable(uri_of(tmp_path), version=reads)
    delete_aged(uri_of(tmp_path), CUT)
    append(table, 4, days(950))

    assert before.to_pyarrow_table().num_rows == 8
    learned = load_data_set(uri_of(tmp_path), KEEPING, CLEAN, PARTS, version=reads)
    assert learned.rows.num_rows == 4 and learned.reach.since is None, "as it was when the run was asked for"
    first = steps.after(reads - 1)
    assert first is not None and len(_ids(newly_labelled(first, ()))) == 4
    deletion, later = steps.after(reads), steps.after(reads + 1)
    assert deletion is not None and deletion.took_away and deletion.added == ()
    assert later is not None and _ids(newly_labelled(later, ())) == ["e4"], "what was written anew is not news"


def test_a_version_learns_from_no_row_from_before_the_cut_so_that_it_can_be_made_again_from_topics(
    tmp_path: Path,
) -> None:
    append(table := table_at(tmp_path), 0, days(500, 900, 901))
    assert load_data_set(uri_of(tmp_path), KEEPING, CLEAN, PARTS).reach.since is None
    delete_aged(uri_of(tmp_path), CUT)
    append(table, 3, days(550, 902))  # an old one that comes late stands among the offsets of younger ones
    found = load_data_set(uri_of(tmp_path), KEEPING, CLEAN, PARTS)
    assert (found.reach.since, _ids(found.rows)) == (CUT_US, ["e1", "e2", "e4"])
    for_ever = load_data_set(uri_of(tmp_path), SPEC, CLEAN, PARTS)
    assert (for_ever.reach.since, _ids(for_ever.rows)) == (None, ["e3", "e1", "e2", "e4"]), "no retention, no bound"


def test_a_longer_retention_moves_the_bound_back_though_no_row_goes(tmp_path: Path) -> None:
    append(table_at(tmp_path), 0, days(500, 900))
    delete_aged(uri_of(tmp_path), CUT)
    longer = Cut.of(NOW_MS, 2 * KEPT)
    gone, version = delete_aged(uri_of(tmp_path), longer)
    assert gone.count == 0 and DeltaTable(uri_of(tmp_path)).version() == version
    assert DeltaTable(uri_of(tmp_path)).transaction_version(ROWS_BEFORE) == longer.before_ms


KILLED = """
import os, signal, sys
from tidemill_operations.lifecycle import row_deletion
from tidemill_operations.lifecycle.aged import Cut

made = row_deletion.commit
def commit(*args):
    if sys.argv[2] == "after":
        made(*args)
    os.kill(os.getpid(), signal.SIGKILL)
row_deletion.commit = commit
row_deletion.delete_aged(sys.argv[1], Cut(int(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_before_or_after_its_commit_it_is_run_again_and_all_is_as_it_should_be(
    tmp_path: Path, when: str
) -> None:
    table = table_at(tmp_path)
    append(table, 0, days(500, 900, 599, 950))
    bounds = (str(CUT.before_ms), str(CUT.ahead_ms))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, uri_of(tmp_path), when, *bounds], check=False, env=dict(os.environ)
    )
    assert done.returncode == -signal.SIGKILL
    assert offsets(tmp_path) == ([0, 1, 2, 3] if when == "before" else [1, 3]), "the commit is made whole or not at all"
    append(table, 4, days(960))
    delete_aged(uri_of(tmp_path), CUT)
    assert offsets(tmp_path) == [1, 3, 4] and offsets(tmp_path, "label") == [1, 3, 4]
    assert len(_files(tmp_path)) > len(DeltaTable(uri_of(tmp_path)).file_uris()), "files of before are there still"


def _ids(rows: object) -> Sequence[str]:
    return list(rows.column("_event_id").to_pylist())  # type: ignore[attr-defined]


def _files(folder: Path) -> list[Path]:
    return list((folder / "tables").rglob("*.parquet"))
