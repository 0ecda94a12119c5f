"""What `tidemill tidy` says of rows that are too old, what keeps them, and what is noted before they go."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.operations.lifecycle.aged_tables import (
    BEFORE_MS,
    DAY_MS,
    KEEPING,
    KEPT,
    NOW_MS,
    append,
    days,
    end_runs,
    offsets,
    open_run,
    platform,
    table_at,
    uri_of,
)
from tests.unit.trainer.fixtures import CLEAN, LABELS
from tidemill_operations.lifecycle.aged import Cut
from tidemill_operations.lifecycle.retention import OldRows, old_rows
from tidemill_operations.lifecycle.row_acts import RowsGone, note_rows, rows_gone, told_gone
from tidemill_operations.platform import PlatformView
from tidemill_operations.references.uses import ArtifactUse, References, Use, Why

CUT = Cut.of(NOW_MS, KEPT)
NOBODY = References(artifacts={}, tables={})
DATA_SET = {"table_version": 1, "offsets": [{"topic": CLEAN, "partition": 0, "first": 0, "last": 3}]}


@pytest.fixture
def here(tmp_path: Path) -> PlatformView:
    made = platform(tmp_path)
    append(table_at(tmp_path), 0, days(500, 900, 599, 950))
    return made


def looked(here: PlatformView, *, apply: bool, references: References = NOBODY, cut: Cut = CUT) -> OldRows:
    found = old_rows(here, KEEPING, references, cut, apply=apply)
    assert found is not None
    return found


def test_a_look_says_what_would_go_and_what_follows_and_takes_nothing(here: PlatformView, tmp_path: Path) -> None:
    found = looked(here, apply=False)
    assert (found.rows, found.left, found.oldest_ms) == ({"event": 2, "label": 2}, 4, 500 * DAY_MS)
    assert found.before_ms == BEFORE_MS and found.kept == ""
    assert any("`trace` answers as before" in one for one in found.follows)
    assert any("2 labelled rows are left, fewer than `training.first_after` (10)" in one for one in found.follows)
    assert offsets(tmp_path) == [0, 1, 2, 3] and rows_gone(here, "tide") == []


def test_rows_stay_while_a_run_is_open_or_a_version_on_trial_and_go_afterwards(
    here: PlatformView, tmp_path: Path
) -> None:
    open_run(here, "r-7")
    assert looked(here, apply=True).kept == "run r-7 is accepted"
    end_runs(here)
    uses = frozenset({Use(Why.ON_TRIAL, "epoch 3")})
    use = ArtifactUse(model="tide", uri="file:///gone", digest="d", version=4, uses=uses)
    trial = References(artifacts={use.uri: use}, tables={})
    on_trial = looked(here, apply=True, references=trial)
    assert on_trial.kept == "version 4 is on trial"
    assert any("version 4" in one and "is not known" in one for one in on_trial.follows)
    assert offsets(tmp_path) == [0, 1, 2, 3] and rows_gone(here, "tide") == []

    assert looked(here, apply=True).kept == ""
    assert offsets(tmp_path) == [1, 3]


def test_that_rows_went_is_noted_with_the_version_that_has_none_and_told_of_data_sets_from_before(
    here: PlatformView,
) -> None:
    assert told_gone(here, "tide", DATA_SET) == []
    looked(here, apply=True)
    (act,) = rows_gone(here, "tide")
    assert (act.before_ms, act.gone_at) == (BEFORE_MS, 2)
    assert act.places == {(CLEAN, 0, ""): (0, 2), (LABELS, 0, ""): (0, 2)}
    (told,) = told_gone(here, "tide", DATA_SET)
    assert told.startswith("the training table has no rows of events before 1971-08-24 00:00 UTC any more")
    assert told_gone(here, "tide", DATA_SET | {"table_version": 2}) == [], "made afterwards"
    assert told_gone(here, "tide", DATA_SET, since_us=CUT.before_ms * 1_000) == [], "of younger rows alone"
    other = [{"topic": CLEAN, "partition": 0, "first": 3, "last": 9}]
    assert told_gone(here, "tide", DATA_SET | {"offsets": other}) == []
    assert old_rows(here, KEEPING, NOBODY, CUT, apply=True) is None, "nothing is left to be said"


def test_what_a_killed_call_had_noted_alone_is_completed_by_the_next_one(here: PlatformView) -> None:
    looked(here, apply=True)
    note_rows(here, "tide", BEFORE_MS, {"event": 1}, {(CLEAN, 0, ""): (2, 2)})
    assert [one.gone_at for one in rows_gone(here, "tide")] == [2, None]
    assert old_rows(here, KEEPING, NOBODY, CUT, apply=False) is None
    assert rows_gone(here, "tide")[-1].gone_at is None, "a look notes nothing"
    assert old_rows(here, KEEPING, NOBODY, CUT, apply=True) is None
    assert [one.gone_at for one in rows_gone(here, "tide")] == [2, 2]


def test_rows_that_a_restore_of_an_older_backup_brings_back_go_with_the_next_call(
    here: PlatformView, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "tables", tmp_path / "backup")
    looked(here, apply=True)
    assert offsets(tmp_path) == [1, 3]
    shutil.rmtree(tmp_path / "tables")
    shutil.copytree(tmp_path / "backup", tmp_path / "tables")
    assert offsets(tmp_path) == [0, 1, 2, 3]
    assert looked(here, apply=True).rows == {"event": 2, "label": 2}
    assert offsets(tmp_path) == [1, 3]


def test_rows_without_a_usable_time_are_said_and_go_only_where_it_is_asked_for(
    here: PlatformView, tmp_path: Path
) -> None:
    append(table_at(tmp_path), 4, [None, days(1_401)[0], days(1_400)[0]])
    assert looked(here, apply=True).unusable == 4
    found = looked(here, apply=True)
    assert (found.rows, found.unusable) == ({}, 4)
    assert found.facts()["unusable_example"] in (f"{CLEAN}/0/4", f"{LABELS}/0/4")
    assert offsets(tmp_path) == [1, 3, 4, 5, 6]
    assert looked(here, apply=True, cut=replace(CUT, untimed=True)).rows == {"event": 2, "label": 2}
    assert offsets(tmp_path) == [1, 3, 6]


def test_a_model_without_a_table_has_nothing_to_say(tmp_path: Path) -> None:
    made = platform(tmp_path)
    assert old_rows(made, KEEPING, NOBODY, CUT, apply=True) is None
    assert not Path(uri_of(tmp_path).removeprefix("file://")).exists()


def test_an_act_that_was_killed_concerns_every_version_of_the_table() -> None:
    act = RowsGone(0, BEFORE_MS, {(CLEAN, 0, ""): (0, 2)})
    assert act.concerns(DATA_SET | {"table_version": 99})
