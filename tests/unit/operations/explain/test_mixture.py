"""Contributions to the score of a mixture: the weighted sum of its members', adding up to what it answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.learning.examples import FEATURES
from tests.unit.learning.mixture.members import LEARNERS, TASKS, member, rows
from tests.unit.operations.explain.test_contributions import row_of
from tidemill.artifact import MixtureMember, OnnxModel
from tidemill_learning.mixture.graph import compose
from tidemill_learning.mixture.member import Member
from tidemill_learning.training.examples import Task
from tidemill_learning.training.labelled import input_specs
from tidemill_learning.training.learners import SETTINGS, ClassWeights, fit
from tidemill_learning.training.onnx.export import to_onnx
from tidemill_learning.training.onnx.parity import edge_rows
from tidemill_operations.explain.contributions import Contributions, NotTold, contributions
from tidemill_operations.explain.links import Link
from tidemill_operations.explain.mixture import MemberGraph, mixture_contributions

SHARES = (0.5, 0.3125, 0.1875)


def mixture(members: list[Member]) -> OnnxModel:
    made, first = compose(members), members[0].manifest
    named = tuple(
        MixtureMember(version=one.version, weight=one.weight, artifact_uri="file:///a", manifest_digest="0")
        for one in members
    )
    manifest = replace(
        first, version=9, output=made.output, features=made.features, classes=made.classes, mixture=named,
        positive_class="true" if first.task == "binary" else None,
    )  # fmt: skip
    return OnnxModel.load(made.graph, manifest)


def explained(members: list[Member], row: dict[str, np.ndarray]) -> Contributions:
    parts = [MemberGraph(one.graph, one.manifest, one.weight) for one in members]
    return mixture_contributions(mixture(members), parts, row, row)


def of_all_learners(task: Task) -> list[Member]:
    shares = zip(LEARNERS, SHARES, strict=True)
    return [member(task, learner, weight, k + 1) for k, (learner, weight) in enumerate(shares)]


@pytest.mark.parametrize("task", TASKS)
def test_they_add_up_to_the_score_and_name_the_weights(task: Task) -> None:
    members = of_all_learners(task)
    model = mixture(members)
    inputs = edge_rows({name: values[:3] for name, values in rows(task).inputs.items()}, input_specs(FEATURES))
    for at in range(0, len(inputs["wind"]), 5):
        row = row_of(inputs, at)
        told, answer = explained(members, row), model.answers(row)[0]
        unit = max(1.0, abs(told.raw))
        assert abs(told.base + sum(told.by_input.values()) - told.raw) <= 1e-6 * unit
        target = int(answer.argmax()) if task == "multiclass" else len(answer) - 1
        assert told.raw == pytest.approx(float(answer[target]), abs=2e-5 * max(unit, 30.0 * (task == "regression")))
        assert told.towards == (model.manifest.classes[target] if model.manifest.classes else "")
        assert [(one.version, one.weight) for one in told.parts] == [(k + 1, share) for k, share in enumerate(SHARES)]
        assert sum(one.weight * one.score for one in told.parts) == pytest.approx(told.raw, abs=1e-9 * unit)
        assert told.unit == ("value" if task == "regression" else "probability")


def test_of_a_regression_and_of_forests_they_are_the_weighted_sum_of_the_members_own() -> None:
    for task, learners in (("regression", LEARNERS), ("binary", ("random_forest",) * 3)):
        shares = zip(learners, SHARES, strict=True)
        members = [member(task, learner, weight, k + 1) for k, (learner, weight) in enumerate(shares)]
        row = row_of(rows(task).inputs, 11)
        each = [contributions(one.graph, one.manifest, row, row) for one in members]
        told = explained(members, row)
        for name, share in told.by_input.items():
            own = sum(one.weight * alone.by_input[name] for one, alone in zip(members, each, strict=True))
            assert share == pytest.approx(own, abs=1e-9)


def test_log_odds_are_carried_to_probabilities_in_proportion() -> None:
    one = member("binary", "gradient_boosting", 1.0, 1)
    row = row_of(rows("binary").inputs, 3)
    told, alone = explained([one], row), contributions(one.graph, one.manifest, row, row)
    slope = (told.raw - told.base) / (alone.raw - alone.base)
    assert told.raw == pytest.approx(1 / (1 + np.exp(-alone.raw)), abs=1e-9)
    assert told.base == pytest.approx(1 / (1 + np.exp(-alone.base)), abs=1e-9)
    for name, share in alone.by_input.items():
        assert told.by_input[name] == pytest.approx(share * slope, abs=1e-9)


def test_a_class_that_a_member_does_not_know_has_nothing_of_it() -> None:
    wide = member("multiclass", "gradient_boosting", 0.25, 1)
    narrow = member("multiclass", "gradient_boosting", 0.75, 2, without="high")
    scores = OnnxModel.load(wide.graph, wide.manifest).score(rows("multiclass").inputs)[:, 0]
    row = row_of(rows("multiclass").inputs, int(scores.argmax()))
    found = explained([replace(wide, weight=0.75), replace(narrow, weight=0.25)], row)
    assert found.towards == "high" and found.parts[1].score == 0.0
    assert found.raw == pytest.approx(0.75 * found.parts[0].score)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_weights_of_classes_are_followed_too(task: Task, learner: str) -> None:
    weights: ClassWeights = (("true", 9.0), ("high", 9.0), ("low", 0.5))
    params = {**SETTINGS[learner][0], **({"max_iter": 15} if learner == "gradient_boosting" else {})}
    made = fit(learner, params, task, input_specs(FEATURES), rows(task), None, seed=1, class_weights=weights)
    plain = member(task, learner, 1.0, 1)
    one = replace(plain, graph=to_onnx(made))
    for at in (0, 7):
        row = row_of(rows(task).inputs, at)
        answer = OnnxModel.load(one.graph, one.manifest).answers(row)[0]
        found = explained([one], row)
        target = int(answer.argmax()) if task == "multiclass" else 1
        assert found.raw == pytest.approx(float(answer[target]), abs=3e-5)


def test_a_member_of_another_form_is_named() -> None:
    import onnx

    one, other = of_all_learners("binary")[0], member("binary", "logistic_regression", 0.5, 2)
    odd = onnx.load_from_string(other.graph)
    for node in odd.graph.node:
        if node.op_type == "Sigmoid":
            node.op_type = "Tanh"
    two = [replace(one, weight=0.5), replace(other, graph=odd.SerializeToString())]
    with pytest.raises(NotTold, match="of its member version 2 the score"):
        explained(two, row_of(rows("binary").inputs, 0))


def test_the_mean_slope_along_a_long_way_is_what_the_probability_gains() -> None:
    rng = np.random.default_rng(3)
    links = [Link(odds=True), Link(odds=True, shift=rng.normal(size=4)),
             Link(odds=False, weights=rng.uniform(0.2, 9.0, 4))]  # fmt: skip
    for link in links:
        for _ in range(20):
            base, raw = rng.normal(scale=12.0, size=(2, 4)) if link.odds else rng.dirichlet(np.ones(4), 2)
            begin, end = link.scores(np.stack([base, raw]))
            for own in range(4):
                gained = float(link.along(base, raw, own) @ (raw - base))
                assert gained == pytest.approx(end[own] - begin[own], abs=1e-9)
