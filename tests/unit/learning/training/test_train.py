"""One training from end to end, pure: labelled rows in, a challenger with its evidence out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.learning.examples import FEATURES, MINUTE, START, labelled, spec, with_gate
from tidemill.contracts.model_file import DecisionCost, ModelSpec
from tidemill.contracts.model_file.spec import Gate
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.training.examples import Task
from tidemill_learning.training.onnx.parity import run_graph
from tidemill_learning.training.split import SHORT
from tidemill_learning.training.train import ChampionModel, Repeat, Trained, train

CUT_OFF = START + 10_000 * MINUTE


def still() -> Callable[[], float]:
    """A clock that stands still: every trial fits into the budget."""
    return lambda: 0.0


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that is so much later at every look."""
    ticks = count()
    return lambda: next(ticks) * seconds


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_challenger_comes_with_graph_proof_golden_rows_reference_and_metrics(task: Task) -> None:
    trained = train(spec(task), labelled(task), CUT_OFF, still())
    metric = "r2" if task == "regression" else "roc_auc"
    assert trained.metrics[metric] > (0.5 if task == "regression" else 0.75)
    inputs, scores = trained.golden
    np.testing.assert_allclose(run_graph(trained.graph, inputs, task), scores, rtol=1e-4, atol=2e-5)
    assert trained.parity.rows > trained.rows["test"]
    assert trained.rows["fitted"] == trained.rows["labelled"], "the hold-out is learned from, too, once it has judged"
    assert set(trained.reference["features"]) == {"place", "wind", "rain"}
    assert trained.reference["metrics"] == trained.metrics
    assert trained.gate.passed


def test_the_same_rows_give_the_same_bytes() -> None:
    one, other = (train(spec("binary"), labelled("binary"), CUT_OFF, still()) for _ in range(2))
    assert one.graph == other.graph and one.reference == other.reference and one.metrics == other.metrics


def test_another_seed_changes_a_forest() -> None:
    model = spec("binary", "random_forest")
    other = replace(model, training=replace(model.training, seed=8))
    rows = labelled("binary", 400)
    assert train(model, rows, CUT_OFF, still()).graph != train(other, rows, CUT_OFF, still()).graph


def bent() -> pa.Table:
    """Labels that no line tells apart: where the wind is strong, from whichever side."""
    rows = labelled("binary", 1_500)
    strong = pa.array(np.abs(rows["wind"].to_numpy()) > 0.7)
    return rows.set_column(rows.schema.get_field_index("_label"), "_label", strong)


def test_labels_observed_after_the_cut_off_are_not_used() -> None:
    trained = train(spec("binary"), labelled("binary"), START + 1_000 * MINUTE, still())
    assert trained.reference["event_time"][1] <= START + 970 * MINUTE
    assert trained.rows["fitted"] == 971


def test_a_spent_budget_starts_no_further_trial_and_every_row_is_learned_from_all_the_same() -> None:
    model = spec("binary", "logistic_regression", "gradient_boosting", "random_forest")
    hasty = replace(model, training=replace(model.training, budget=timedelta(seconds=1)))
    trained = train(hasty, labelled("binary"), CUT_OFF, ticking(0.9))
    assert [one.candidate for one in trained.search.attempts] == ["logistic_regression"]
    assert trained.rows["fitted"] == trained.rows["labelled"]


def test_a_training_is_repeated_to_the_byte_whatever_the_budget_allows_now() -> None:
    """With all trials and windows, with the first trial alone, and with trials but no time for windows."""
    model = spec("binary", "random_forest", "gradient_boosting", "logistic_regression")
    short = replace(model, training=replace(model.training, budget=timedelta(seconds=9)))
    made = {clock: train(short, labelled("binary", 2_600), CUT_OFF, ticking(clock)) for clock in (0.0, 0.9, 2.9)}
    found = {clock: (len(one.search.attempts), one.tried_windows) for clock, one in made.items()}
    assert len(set(found.values())) == 3 and {windows for _, windows in found.values()} == {True, False}
    for one in made.values():
        repeat = Repeat(len(one.search.attempts), one.tried_windows)
        again = train(model, labelled("binary", 2_600), CUT_OFF, ticking(100.0), repeat=repeat)
        assert again.graph == one.graph and again.reference == one.reference


@pytest.mark.parametrize(
    ("rows", "tried"),
    [
        (labelled("binary"), ["gradient_boosting", "logistic_regression"]),
        (bent(), ["gradient_boosting", "logistic_regression", "gradient_boosting"]),
    ],
)
def test_a_second_setting_is_tried_of_the_candidate_that_is_the_best_so_far(rows: pa.Table, tried: list[str]) -> None:
    trained = train(spec("binary", "gradient_boosting", "logistic_regression"), rows, CUT_OFF, still())
    assert [one.candidate for one in trained.search.attempts] == tried
    assert trained.candidate == max(set(tried), key=tried.count) or trained.candidate == "logistic_regression"


class Rival:
    """A champion that answers with another challenger's graph."""

    def __init__(self, trained: Trained, fitted_until_ms: int) -> None:
        self._trained = trained
        self.classes = trained.classes
        self.features = FEATURES
        self.fitted_until_ms = fitted_until_ms
        self.threshold = 0.5 if trained.threshold is None else trained.threshold

    def score(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return run_graph(self._trained.graph, inputs, "binary")


def test_the_challenger_is_held_against_the_champion_on_rows_that_neither_was_fitted_on() -> None:
    stale = train(spec("binary"), labelled("binary", flipped=True), CUT_OFF, still())
    champion: ChampionModel = Rival(stale, START)
    trained = train(with_gate(spec("binary"), Gate(0.6, 0.01)), labelled("binary", seed=3), CUT_OFF, still(), champion)
    assert trained.gate.passed and [f.rule for f in trained.gate.results] == ["base_rate", "at_least", "better_by"]
    assert trained.champion_metrics["roc_auc"] < 0.5 < trained.gate_metrics["roc_auc"]
    assert trained.compared["champion.roc_auc"] == trained.champion_metrics["roc_auc"]
    assert trained.compared["rows.fitted"] == trained.rows["fitted"] > 0


def costly(false_negative: float, metric: str = "roc_auc", gate: Gate | None = None) -> ModelSpec:
    """A model file that states what wrong decisions cost; a false positive costs 1."""
    model = with_gate(spec("binary"), gate or Gate(None, 0.0))
    target = replace(model.target, cost=DecisionCost(1.0, false_negative))
    return replace(model, target=target, training=replace(model.training, metric=metric))


def test_where_decisions_have_a_cost_the_hold_out_gives_the_threshold_and_the_gate_looks_at_the_cost() -> None:
    plain = train(spec("binary"), labelled("binary"), CUT_OFF, still())
    trained = train(costly(9.0), labelled("binary"), CUT_OFF, still())
    assert plain.threshold is None and "cost" not in plain.metrics
    assert trained.threshold is not None and trained.threshold < 0.4
    assert trained.metrics["recall"] > plain.metrics["recall"]
    assert trained.metrics["brier"] == plain.metrics["brier"], "the probabilities are what they were"
    assert [rule.rule for rule in trained.gate.results] == ["base_rate", "cost"] and trained.gate.passed
    assert trained.gate.results[-1].statistic == trained.metrics["cost"]


def test_the_cost_may_be_the_metric_of_the_gate_and_each_version_decides_by_its_own_threshold() -> None:
    blunt = train(spec("binary"), labelled("binary"), CUT_OFF, still())
    trained = train(
        costly(9.0, "cost", Gate(0.6, 0.01)), labelled("binary", seed=3), CUT_OFF, still(), Rival(blunt, START)
    )
    assert [rule.rule for rule in trained.gate.results] == ["base_rate", "at_least", "better_by", "cost"]
    assert trained.gate.passed, trained.reason
    assert trained.gate_metrics["cost"] < trained.champion_metrics["cost"], "the champion decides at one half"
    assert "cost" in trained.gate.reason and "wanted at most 0.6" in trained.gate.reason


def test_weights_of_classes_are_learned_with_and_a_class_that_no_row_is_of_is_told() -> None:
    model = spec("multiclass", "gradient_boosting")
    stated = replace(model, training=replace(model.training, class_weights=(("high", 5.0), ("hgih", 5.0))))
    trained = train(stated, labelled("multiclass"), CUT_OFF, still())
    assert "training.class_weights: no row is of class hgih" in trained.reason
    assert trained.graph != train(model, labelled("multiclass"), CUT_OFF, still()).graph
    assert trained.metrics["calibration_error"] < 0.15
    assert trained.class_weights == {"high": 5.0, "low": 1.0, "middle": 1.0}
    assert not train(model, labelled("multiclass"), CUT_OFF, still()).class_weights


def test_a_challenger_that_is_worse_does_not_pass() -> None:
    good = train(spec("binary"), labelled("binary"), CUT_OFF, still())
    worse = with_gate(spec("binary"), Gate(None, 0.2))
    trained = train(worse, labelled("binary", seed=3), CUT_OFF, still(), Rival(good, START))
    assert not trained.gate.passed and "better by" in trained.gate.reason


def test_a_champion_that_has_seen_all_rows_cannot_be_judged_on_them() -> None:
    good = train(spec("binary"), labelled("binary"), CUT_OFF, still())
    margin = with_gate(spec("binary"), Gate(None, 0.01))
    trained = train(margin, labelled("binary"), CUT_OFF, still(), Rival(good, CUT_OFF))
    assert not trained.gate.passed and trained.rows["gate"] == 0, "a margin that cannot be shown is not there"
    trained = train(spec("binary"), labelled("binary"), CUT_OFF, still(), Rival(good, CUT_OFF))
    assert trained.gate.passed and "not held against the champion: it has learned all but 0" in trained.reason


def changed_at(row: int) -> ChangePoint:
    at = START + row * MINUTE
    return ChangePoint(at, at, at, 0.4, 0.6)


def turned(count: int, at: int) -> pa.Table:
    """Rows of which those from `at` on tell the opposite."""
    return pa.concat_tables([labelled("binary", count).slice(0, at), labelled("binary", count, flipped=True).slice(at)])


def test_since_a_change_that_turned_everything_round_only_rows_since_it_are_learned_from() -> None:
    trained = train(spec("binary"), turned(1_500, 1_200), CUT_OFF, still(), change=changed_at(1_200))
    assert (trained.window, trained.rows["fitted"]) == ("rows since the change", 300)
    assert trained.metrics["roc_auc"] > 0.75
    blind = train(spec("binary"), turned(1_500, 1_200), CUT_OFF, still())
    assert blind.metrics["roc_auc"] < trained.metrics["roc_auc"] - 0.2, "without the change point both worlds are mixed"


def test_after_an_alarm_that_changed_nothing_all_rows_are_learned_from() -> None:
    model = spec("binary", "gradient_boosting")
    trained = train(model, labelled("binary", 4_000), CUT_OFF, still(), change=changed_at(3_600))
    assert (trained.window, trained.rows["fitted"]) == ("all rows", 4_000)
    assert trained.params["min_samples_leaf"] >= 40, (
        "leaves are as large as all rows allow, not as the few of the trial"
    )


def test_the_first_rows_after_a_change_are_enough_for_a_version_though_labels_take_longer() -> None:
    late = turned(1_500, 1_250)
    observed = pa.array((START + (np.arange(1_500) + 500) * MINUTE) * 1_000, pa.timestamp("us", "UTC"))
    late = late.set_column(late.schema.get_field_index("_observed_at"), "_observed_at", observed)
    trained = train(spec("binary"), late, CUT_OFF, still(), change=changed_at(1_250))
    assert trained.rows["fitted"] == 250 and SHORT in trained.reason
    assert trained.metrics["roc_auc"] > 0.7


def test_against_a_champion_of_the_other_world_few_rows_are_proof_enough() -> None:
    stale = Rival(train(spec("binary"), labelled("binary"), CUT_OFF, still()), START + 1_249 * MINUTE)
    trained = train(spec("binary"), turned(1_750, 1_250), CUT_OFF, still(), stale, changed_at(1_250))
    assert trained.outcome == "passed" and trained.contest is not None and trained.contest.labels <= 75


def test_a_challenger_that_is_as_good_is_undecided_and_not_refused() -> None:
    good = Rival(train(spec("binary"), labelled("binary"), CUT_OFF, still()), START)
    trained = train(with_gate(spec("binary"), Gate(None, -1.0)), labelled("binary", seed=3), CUT_OFF, still(), good)
    assert trained.outcome == "undecided"


def test_in_label_time_the_floors_alone_are_rules_however_few_the_rows() -> None:
    stale = Rival(train(spec("binary"), labelled("binary"), CUT_OFF, still()), START + 1_249 * MINUTE)
    few = turned(1_500, 1_250)
    trained = train(spec("binary"), few, CUT_OFF, still(), stale, changed_at(1_250), sequential=True)
    assert trained.rows["gate"] < 50 and trained.gate.passed and trained.outcome != "failed"
    assert [rule.rule for rule in trained.gate.results] == ["base_rate"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_learned_nothing_of_use_is_below_the_floor_that_every_model_has(task: Task) -> None:
    rows = labelled(task, 600)
    shuffled = rows.column("_label").take(pa.array(np.random.default_rng(5).permutation(600)))
    noise = rows.set_column(rows.schema.get_field_index("_label"), "_label", shuffled)
    trained = train(spec(task, "gradient_boosting"), noise, CUT_OFF, still())
    assert trained.outcome == "failed" and "most usual answer" in trained.gate.reason


def test_rows_of_one_class_are_refused_with_a_reason() -> None:
    rows = labelled("binary", 400)
    same = rows.set_column(rows.schema.get_field_index("_label"), "_label", pa.array([True] * 400))
    with pytest.raises(ValueError, match="one class only"):
        train(spec("binary"), same, CUT_OFF, still())
