"""A fit learns what label time had taken when it asked, and is held against the version that serves there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.trainer.assess.bench import Bench
from tests.unit.trainer.fixtures import CLEAN, PARTS
from tidemill_learning.label_time.contest import NEEDED
from tidemill_trainer.assess.basis import rows_taken
from tidemill_trainer.assess.state import Basis
from tidemill_trainer.training.data_set import load_data_set

CERTAIN = {"wealth": [2 * NEEDED] * 7, "labels": 100, "spread": 1.0}


def until_asked(bench: Bench) -> Basis:
    """Turn until a fit is asked for."""
    while bench.assessment.turn():
        pass
    kept = bench.states.load("tide")
    assert kept is not None and kept.request_id is not None
    found = bench.states.basis("tide", kept.request_id)
    assert found is not None
    return found


@pytest.mark.parametrize("observed_every", [1, 500])
def test_it_learns_exactly_the_rows_that_were_taken_though_others_were_known_at_the_same_moment(
    root: Path, tmp_path: Path, observed_every: int
) -> None:
    bench = Bench(root, tmp_path, rows=900, change=900, observed_every=observed_every)
    for first in range(0, 900, 90):
        bench.commit(first, first + 90)
    basis = until_asked(bench)
    claim = bench.store.claim()
    assert claim is not None and basis.champion is None and basis.taken > 0
    version, without = rows_taken(bench.uri, basis.table_version, basis.taken)
    spec = replace(bench.spec, training=replace(bench.spec.training, newest=10_000))
    loaded = load_data_set(bench.uri, spec, CLEAN, PARTS, version, claim.cut_off, without)
    assert sorted(loaded.rows.column("_event_id").to_pylist()) == sorted(f"e{n}" for n in range(300))
    by_time_alone = load_data_set(bench.uri, spec, CLEAN, PARTS, known_by_ms=claim.cut_off)
    assert by_time_alone.rows.num_rows == (300 if observed_every == 1 else 471)


def test_nothing_is_known_of_a_fit_that_label_time_does_not_wait_for(root: Path, tmp_path: Path) -> None:
    bench = Bench(root, tmp_path, rows=400, change=400)
    bench.commit(0, 400)
    assert bench.states.basis("tide", "anything") is None, "label time has not begun"
    until_asked(bench)
    assert bench.states.basis("tide", "anything") is None


@pytest.mark.parametrize(("against", "takes_over"), [(1, True), (9, False)])
def test_evidence_of_a_hold_out_counts_against_the_version_alone_that_it_was_held_against(
    root: Path, tmp_path: Path, against: int, takes_over: bool
) -> None:
    bench = Bench(root, tmp_path, rows=900, change=900)
    for first in range(0, 900, 90):
        bench.commit(first, first + 90)
    until_asked(bench)
    bench.fit()
    assert until_asked(bench).champion == 1
    bench.fit({**CERTAIN, "against": against})
    assert bench.assessment.turn()
    assert [(version, over) for _, version, over, _ in bench.took_over()] == ([(2, 1)] if takes_over else [])
