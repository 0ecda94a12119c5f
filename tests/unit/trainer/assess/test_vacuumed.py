"""Label time on a table of which somebody takes rows and old files away."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable

from tests.unit.trainer.assess.bench import Bench
from tests.unit.trainer.fixtures import CLEAN, PARTS
from tidemill_trainer.assess.basis import rows_taken
from tidemill_trainer.training.data_set import load_data_set


def filled(root: Path, folder: Path) -> Bench:
    bench = Bench(root, folder, rows=400, change=400, first_after=1_000)
    for first in range(0, 200, 50):
        bench.commit(first, first + 50)
    return bench


def vacuum(bench: Bench) -> None:
    """Put files together, and take the old ones from the store."""
    bench.table.compact()
    DeltaTable(bench.uri).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


def turned(bench: Bench) -> int:
    """Until nothing is left to read; labels that were taken."""
    while bench.assessment.turn():
        pass
    kept = bench.states.load("tide")
    assert kept is not None
    return int(kept.state["labels"])


def test_a_commit_that_takes_files_away_is_kept_at_once_so_that_others_see_that_they_may_go(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path)
    assert turned(bench) == 170
    bench.table.compact()
    turned(bench)
    kept = bench.states.load("tide")
    assert kept is not None and kept.table_version == DeltaTable(bench.uri).version()


def test_of_a_table_of_which_nothing_was_read_all_that_is_left_is_assessed(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path)
    vacuum(bench)
    assert turned(bench) == 170
    bench.commit(200, 250)
    assert turned(bench) == 220


def test_where_it_was_behind_it_says_what_it_passes_over_and_goes_on(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = filled(root, tmp_path)
    assert turned(bench) == 170
    bench.commit(200, 250)
    bench.table.append(bench.events(range(250, 251)), {(CLEAN, 0): 251})
    vacuum(bench)
    bench.restart()
    assert turned(bench) == 170 and "are not assessed" in caplog.text
    bench.commit(251, 300)
    assert turned(bench) > 170


def test_a_fit_on_a_version_whose_files_are_gone_fails_by_name_and_waits_for_no_store(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path)
    vacuum(bench)
    with pytest.raises(ValueError, match="are gone since it was asked for"):
        load_data_set(bench.uri, bench.spec, CLEAN, PARTS, version=2)
    with pytest.raises(ValueError, match="are gone since it was asked for"):
        rows_taken(bench.uri, 2, 3)
