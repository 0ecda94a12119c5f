"""A mixture that is due in label time, live: asked for with its step, made once, and taken over like any version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from tests.support.models.toy_models import sigmoid_graph, toy_manifest
from tests.unit.trainer.assess.bench import DELAY, MINUTE, Bench
from tests.unit.trainer.assess.ends import turns_though_it_ends
from tests.unit.trainer.fixtures import SPEC
from tidemill.artifact import OnnxModel
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.backtest.fitting import Fits, Made
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import budget_of
from tidemill_trainer.assess.joined import newly_labelled
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.mixture.shares import shares_in
from tidemill_trainer.runs.store import Claim
from tidemill_trainer.runs.tables import runs, takeovers

MIXING = replace(SPEC, retrain=replace(SPEC.retrain, mixtures=(4, 4_000)))


def torn(root: Path, folder: Path, spec: ModelSpec = MIXING) -> Bench:
    """One world at first; from row 800 on, every second label by chance says the opposite."""
    folder.mkdir(exist_ok=True)
    bench = Bench(root, folder, rows=2_000, change=800, torn=True, spec=spec)
    for first in range(0, 2_000, 100):
        bench.commit(first, first + 100)
    return bench


def until_a_mixture_is_asked_for(bench: Bench) -> Claim:
    """Turns, fits and releases up to there; gives the run that is to make it."""
    for _ in range(2_000):
        if bench.serving is None and bench.reference(1) is not None:
            bench.release(1)
        busy = bench.assessment.turn()
        for one in bench.states.open_takeovers():
            bench.release(one.version)
            bench.states.settle(one.takeover_id, "released")
        if not busy and bench.waits():
            claim = bench.store.claim()
            assert claim is not None
            if claim.mixture:
                return claim
            bench.store.give_back(claim)
            bench.fit()
    raise AssertionError("no mixture was due")


def test_it_is_asked_for_with_its_members_and_takes_over_as_a_version_of_its_own(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = torn(root, tmp_path)
    claim = until_a_mixture_is_asked_for(bench)
    assert not bench.assessment.turn(), "label time waits for it"
    proof, *members = claim.evidence
    assert (claim.cause, proof.subject) == ("quality", "mixture") and proof.statistic >= proof.threshold
    assert shares_in([one.to_dict() for one in members]) == claim.mixture and len(claim.mixture) >= 2
    assert claim.cut_off is not None and claim.cut_off % MINUTE == 0 and claim.change_point is None
    before, champion = bench.serving, bench.pool()[0]
    bench.store.give_back(claim)
    bench.fit()
    assert bench.assessment.turn()
    (taken,) = bench.states.open_takeovers()
    assert (taken.over, bench.pool()[0]) == (champion, taken.version) and bench.serving == before
    assert taken.evidence[0].statistic >= taken.evidence[0].threshold
    for version, weight in claim.mixture:
        assert f"version {version} ({weight:.6g})" in proof.detail
    bench.release(taken.version)
    bench.states.settle(taken.takeover_id, "released")
    bench.turns()
    kept = bench.states.load("tide")
    assert kept is not None and kept.request_id is None and kept.state["labels"] == 2_000 - DELAY
    assert {version for version, _ in claim.mixture} <= set(bench.pool()[1]), "its members stay in the pool"
    assert "takes over in label time" in caplog.text


def test_where_it_is_not_made_what_serves_serves_on_and_it_is_said(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = torn(root, tmp_path)
    claim = until_a_mixture_is_asked_for(bench)
    champion = bench.pool()[0]
    bench.store.fail(claim, "version 2 is of operator set 17")
    assert bench.assessment.turn()
    kept = bench.states.load("tide")
    assert kept is not None and kept.request_id is None and kept.state["mixing"]["due"] is None
    assert bench.pool()[0] == champion and not bench.states.open_takeovers()
    assert [line.levelname for line in caplog.records if "was not made: version 2 is of operator" in line.message] == [
        "ERROR"
    ]
    assert bench.assessment.turn(), "it goes on"


def test_who_brings_another_version_to_serve_meanwhile_is_not_overruled_by_it(root: Path, tmp_path: Path) -> None:
    bench = torn(root, tmp_path)
    claim = until_a_mixture_is_asked_for(bench)
    bench.serving = bench.toy(90, 0.0)
    assert bench.assessment.turn()
    kept = bench.states.load("tide")
    assert bench.pool()[0] == 90 and kept is not None and kept.request_id is None
    bench.store.give_back(claim)
    bench.fit()
    bench.assessment.turn()
    assert not bench.states.open_takeovers()


def test_a_mixture_that_a_person_brings_back_is_one_in_label_time_too(root: Path, tmp_path: Path) -> None:
    bench = torn(root, tmp_path)
    until_a_mixture_is_asked_for(bench)
    bench.restart()
    bench.turns()
    mixture = next(run.version for run in bench.store.past("tide") if run.cause == "mixture" and run.version)
    bench.release(1)
    while bench.assessment.turn():
        pass
    assert bench.pool()[0] == 1
    bench.release(mixture)
    bench.assessment.turn()
    kept = bench.states.load("tide")
    assert kept is not None and kept.state["pool"]["champion"] == mixture
    told = {one["version"]: one.get("mixture") for one in kept.state["pool"]["members"]}
    assert told[mixture]


def test_without_mixtures_in_its_budget_a_model_gets_none(root: Path, tmp_path: Path) -> None:
    bench = torn(root, tmp_path, SPEC)
    bench.turns()
    assert not [run for run in bench.store.past("tide") if run.cause == "mixture"]


def told(bench: Bench) -> list[tuple[object, ...]]:
    return [*[one[:3] for one in bench.asked()], *[one[:3] for one in bench.took_over()]]


def test_ended_in_any_transaction_it_makes_the_same_mixtures_and_no_second_one(root: Path, tmp_path: Path) -> None:
    calm, ended = torn(root, tmp_path / "calm"), torn(root, tmp_path / "ended")
    calm.turns()

    assert turns_though_it_ends(ended, seed=11) > 0
    assert told(ended) == told(calm)
    assert [(run.cause, run.version) for run in ended.store.past("tide")] == [
        (run.cause, run.version) for run in calm.store.past("tide")
    ]
    assert "mixture" in [run.cause for run in calm.store.past("tide")]


class Toy:
    """The version that the bench makes of a fit, in a backtest."""

    classes, fitted_until_ms, threshold = ("false", "true"), 0, 0.5

    def __init__(self, slope: float) -> None:
        self._model = OnnxModel.load(sigmoid_graph("wind", slope), toy_manifest("tide", 1, "wind"))

    def score(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        return self._model.score(inputs)


def test_a_backtest_of_the_same_rows_makes_the_same_mixtures_and_takeovers(root: Path, tmp_path: Path) -> None:
    """The live loop answers with the mixture's graph, a backtest with what its members say."""
    bench = torn(root, tmp_path)
    bench.turns()
    steps, at, taken = TableSteps(bench.uri), -1, []
    while (step := steps.after(at)) is not None:
        at = step.version
        taken.append(newly_labelled(step, bench.spec.features))
    rows = pa.concat_tables([one for one in taken if one.num_rows])
    fits = Fits(lambda order: Made(Toy(-3.0 if order.change else 3.0), outcome="passed"), float)
    policy = Tidemill("ours", bench.spec.training.first_after, budget_of(bench.spec), fits)
    played = policy.play(Stream.of(bench.spec, rows), lambda done, total: None)

    with bench.engine.begin() as connection:
        live = connection.execute(select(takeovers.c.version, takeovers.c.reason).order_by(takeovers.c.id)).all()
        asked = connection.execute(
            select(runs.c.version, runs.c.cut_off, runs.c.evidence).order_by(runs.c.version)
        ).all()  # fmt: skip
    assert [(one.version, one.why) for one in played.releases[1:]] == [tuple(one) for one in live]
    learned = [(version, cut_off) for version, cut_off, evidence in asked if not shares_in(evidence)]
    assert learned == [(fit.version, fit.at_ms) for fit in played.fits]
    mixed = {version: shares for version, _, evidence in asked if (shares := shares_in(evidence))}
    assert mixed == {one.version: one.mixture for one in played.releases if one.mixture} and mixed
