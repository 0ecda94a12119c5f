"""A mixture is measured on rows that none of its members has learned, and says so where there are too few."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.learning.examples import labelled, spec
from tests.unit.learning.mixture.members import LEARNED, ROWS, TASKS, member, rows
from tidemill.artifact import OnnxModel
from tidemill.contracts.model_file.spec import DecisionCost
from tidemill_learning.mixture import mix as of_mixture
from tidemill_learning.mixture.member import Member, MixtureError
from tidemill_learning.mixture.mix import PARITY, mix
from tidemill_learning.reference import reference_bytes
from tidemill_learning.training.examples import Task
from tidemill_learning.training.metrics import measure


def two(task: Task) -> list[Member]:
    return [member(task, "gradient_boosting", 0.75, 2), member(task, "logistic_regression", 0.25, 1)]


def known(task: Task) -> int:
    return int(rows(task).observed_at[-1])


@pytest.mark.parametrize("task", TASKS)
def test_it_is_proved_equal_to_its_members_and_measured_on_rows_that_none_of_them_has_learned(task: Task) -> None:
    made = mix(spec(task), labelled(task, ROWS), known(task), two(task))
    parity, *others = made.checks
    assert (parity.rule, parity.passed, parity.threshold) == ("parity", True, PARITY) and parity.statistic <= PARITY
    assert made.rows == {"labelled": ROWS, "fitted": LEARNED, "unlearned": ROWS - LEARNED - 20}, "by the delay"
    fresh = rows(task).take(np.arange(LEARNED, ROWS - 20))
    models = [OnnxModel.load(one.graph, one.manifest) for one in two(task)]
    scores = np.sum([one.weight * m.score(fresh.inputs) for one, m in zip(two(task), models, strict=True)], axis=0)
    wanted = measure(task, fresh.target, scores, made.composed.classes)
    assert made.metrics == pytest.approx(wanted, abs=1e-5)
    assert made.reference["metrics"] == made.metrics and made.reference["held_out_rows"] == len(fresh)
    assert made.reference["event_time"] == list(two(task)[0].learned) and made.reference["rows"] == LEARNED
    assert [(one.metric, one.statistic) for one in others if one.rule == "mixture"] == [
        ("version 2", 0.75), ("version 1", 0.25),
    ]  # fmt: skip
    assert ("calibration" in [one.rule for one in others]) == (task != "regression")
    assert made.window.startswith("those of version 2 (0.75) and version 1 (0.25); measured on 580 rows that none")
    assert made.golden.tolerance == pytest.approx(1e-3)


def test_the_same_rows_and_members_give_the_same_reference_and_golden_rows() -> None:
    once, again = (mix(spec("binary"), labelled("binary", ROWS), known("binary"), two("binary")) for _ in range(2))
    assert reference_bytes(once.reference) == reference_bytes(again.reference)
    assert once.golden.to_bytes() == again.golden.to_bytes() and once.composed == again.composed
    assert json.loads(reference_bytes(once.reference))["features"]["wind"]["count"] == LEARNED


def test_where_labels_since_are_too_few_the_hold_outs_of_its_members_speak_and_it_is_said() -> None:
    table = labelled("binary", ROWS).slice(0, LEARNED + 49)
    made = mix(spec("binary"), table, known("binary"), two("binary"))
    assert made.metrics == {"roc_auc": pytest.approx(0.75 * 0.2 + 0.25 * 0.1)} and made.rows["unlearned"] == 0
    assert "metrics are of their hold-outs, by their weights" in made.window
    assert [one.rule for one in made.checks] == ["parity", "mixture", "mixture"]
    assert made.reference["held_out_rows"] == LEARNED + 49


def test_it_says_true_from_where_its_members_do_by_their_weights() -> None:
    first, second = two("binary")
    costly = replace(spec("binary"), target=replace(spec("binary").target, cost=DecisionCost(1.0, 3.0)))
    stated = [replace(one, manifest=replace(one.manifest, threshold=at)) for one, at in ((first, 0.2), (second, 0.4))]
    made = mix(costly, labelled("binary", ROWS), known("binary"), stated)
    assert made.threshold == pytest.approx(0.75 * 0.2 + 0.25 * 0.4) and "cost" in made.metrics
    assert mix(spec("binary"), labelled("binary", ROWS), known("binary"), two("binary")).threshold is None


def test_what_may_not_serve_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table, members = labelled("binary", ROWS), two("binary")
    with pytest.raises(MixtureError, match="the rows have no wind, which a member reads"):
        mix(spec("binary"), table.drop_columns(["wind"]), known("binary"), members)
    late = replace(spec("binary"), target=replace(spec("binary").target, delay=timedelta(days=90)))
    with pytest.raises(MixtureError, match="none of the 1,500 labelled rows is"):
        mix(late, table, known("binary"), members)
    monkeypatch.setattr(of_mixture, "PARITY", -1.0)
    with pytest.raises(MixtureError, match="miss the weighted sum of its members'"):
        mix(spec("binary"), table, known("binary"), members)


def test_members_that_say_the_opposite_with_one_weight_have_nothing_to_say() -> None:
    one, other = (member("binary", "gradient_boosting", 0.5, version) for version in (1, 2))
    against = replace(other, manifest=replace(other.manifest, classes=("true", "false")))
    with pytest.raises(MixtureError, match="it has learned nothing"):
        mix(spec("binary"), labelled("binary", ROWS), known("binary"), [one, against])
