"""`target.cost`, `training.class_weights` and the metrics of decisions: what they may say, and where they belong."""

from __future__ import annotations

import pytest

from tests.unit.core.contracts.model_file.model_text import FEATURES, HEAD, at, parse, refused
from tidemill.contracts.model_file import DecisionCost


def text(target: str, training: str = "{}") -> str:
    return f"{HEAD}target: {{label: defaulted, {target}}}\n{FEATURES}training: {training}\n"


def test_costs_of_wrong_decisions_are_numbers_above_zero() -> None:
    target = parse(text("task: binary, cost: {false_positive: 1, false_negative: 12.5}")).target
    assert target.cost == DecisionCost(1.0, 12.5)
    assert parse(text("task: binary")).target.cost is None


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "task: multiclass, cost: {false_positive: 1, false_negative: 5}",
            "a multiclass model says its likeliest class",
        ),
        ("task: regression, cost: {false_positive: 1, false_negative: 5}", "a regression decides nothing"),
        ("task: binary, cost: {false_positive: 1}", "`target.cost.false_negative` is missing"),
        ("task: binary, cost: {false_positive: 0, false_negative: 5}", "must be a number above 0"),
        ("task: binary, cost: {false_positive: 1, false_negative: -5}", "must be a number above 0"),
        ("task: binary, cost: {false_positive: .inf, false_negative: 5}", "must be a"),
        ("task: binary, cost: {false_positive: much, false_negative: 5}", "must be a number"),
        ("task: binary, cost: {false_positive: 1, false_negatives: 5}", "unknown key 'false_negatives'"),
        ("task: binary, cost: 5", "must be a mapping"),
    ],
)
def test_other_costs_are_refused_with_why(target: str, said: str) -> None:
    error = refused(text(target))
    assert said in str(error) and len(error.mistakes) == 1
    assert at(error)[0] == 5


def test_weights_of_classes_are_balanced_or_numbers_by_class() -> None:
    assert parse(text("task: binary", "{class_weights: balanced}")).training.class_weights == "balanced"
    assert parse(text("task: binary", "{class_weights: {true: 4}}")).training.class_weights == (("true", 4.0),)
    weights = parse(text("task: multiclass", "{class_weights: {gold: 4, '7': 0.5}}")).training.class_weights
    assert weights == (("gold", 4.0), ("7", 0.5))
    assert parse(text("task: binary")).training.class_weights is None


@pytest.mark.parametrize(
    ("task", "weights", "said"),
    [
        ("regression", "balanced", "`training.class_weights` belong to classes: a regression has none"),
        ("binary", "even", "must be one of balanced"),
        ("binary", "{yes: 4}", "unknown key 'yes' in training.class_weights"),
        ("binary", "{true: 0}", "must be a number from 0.000001 to 1,000,000"),
        ("multiclass", "{gold: 1e9}", "must be a number from 0.000001 to 1,000,000"),
        ("multiclass", "{gold: -1}", "must be a number from 0.000001 to 1,000,000"),
        ("multiclass", "{}", "must be `balanced`, or classes with numbers above 0"),
        ("multiclass", "[4, 1]", "must be a mapping"),
    ],
)
def test_other_weights_are_refused_with_why(task: str, weights: str, said: str) -> None:
    assert said in str(refused(text(f"task: {task}", f"{{class_weights: {weights}}}")))


@pytest.mark.parametrize("metric", ["pr_auc", "precision", "recall", "calibration_error"])
def test_decisions_and_calibration_may_be_the_metric_of_classes_only(metric: str) -> None:
    assert parse(text("task: binary", f"{{metric: {metric}}}")).training.metric == metric
    assert parse(text("task: multiclass", f"{{metric: {metric}}}")).training.metric == metric
    assert "must be one of rmse, mae, r2" in str(refused(text("task: regression", f"{{metric: {metric}}}")))


def test_the_cost_is_a_metric_where_it_is_stated_and_else_refused_with_what_to_say() -> None:
    stated = "task: binary, cost: {false_positive: 1, false_negative: 5}"
    assert parse(text(stated, "{metric: cost, gate: {at_least: 0.5}}")).training.metric == "cost"
    error = refused(text("task: binary", "{metric: cost}"))
    assert "needs to know what wrong decisions cost (`target.cost`)" in str(error)
    assert "target: {cost: {false_positive: 1, false_negative: 5}}" in str(error)
    assert "must be one of" in str(refused(text("task: multiclass", "{metric: cost}")))


def test_a_mistake_in_the_costs_is_told_once_and_not_again_at_the_metric() -> None:
    error = refused(text("task: binary, cost: {false_positive: none, false_negative: 5}", "{metric: cost}"))
    assert len(error.mistakes) == 1 and at(error)[0] == 5
