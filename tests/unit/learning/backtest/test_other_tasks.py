"""Classes that a version has never seen, and values; and the forest that learns from every label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.learning.backtest.one_feature import BEGIN, MINUTE, spec, stream, table
from tidemill.contracts.model_file import DecisionCost
from tidemill_learning.backtest.fitting import Fits, Made, Order
from tidemill_learning.backtest.forest import AdaptiveForest
from tidemill_learning.backtest.outcome import outcome
from tidemill_learning.backtest.run import backtest
from tidemill_learning.backtest.schedule import never
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import Budget


def silent(*said: object) -> None:
    """For who wants no progress."""


def with_label(rows: pa.Table, label: pa.Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index("_label"), "_label", label)


class Constant:
    """Says the same to everybody."""

    def __init__(self, classes: tuple[str, ...], answer: list[float] | float, until: int = 0) -> None:
        self.classes = classes
        self.fitted_until_ms, self.threshold = until, 0.5
        self._answer = np.array(answer, dtype=np.float64)

    def score(self, inputs: Mapping[str, Any]) -> np.ndarray:
        n = len(inputs["x"])
        return np.tile(self._answer, (n, 1)) if self._answer.ndim else np.full(n, float(self._answer))


def test_a_class_that_a_version_does_not_know_has_no_share() -> None:
    rows = table(600)
    labels = np.where(rows.column("x").to_numpy() > 0.7, "c", "a")
    labels[500:] = "b"
    events = Stream.of(spec("multiclass"), with_label(rows, pa.array(labels)))
    assert events.classes == ("a", "b", "c")
    makes = Fits(lambda order: Made(Constant(("a", "c"), [0.75, 0.25])), float)
    played = never(100, makes).play(events, silent)
    assert played.scores[-1].tolist() == [0.75, 0.0, 0.25]
    found = outcome("never", events, played, played.answered)
    assert found.score == pytest.approx(float((labels[played.answered] == "a").mean()))


def test_where_decisions_have_a_cost_it_is_the_score_and_each_version_decides_by_its_own_threshold() -> None:
    plain = spec()
    costly = replace(plain, target=replace(plain.target, cost=DecisionCost(1.0, 9.0)))
    events = Stream.of(costly, table(1_000))
    wary, bold = Constant(("false", "true"), 0.3), Constant(("false", "true"), 0.3)
    wary.threshold, bold.threshold = 0.5, 0.2
    policies = [replace(never(100, Fits(lambda order, who=who: Made(who), float)), name=name)
                for name, who in (("wary", wary), ("bold", bold))]  # fmt: skip
    found = backtest(events, policies, [], silent)
    true = float(events.target[found.outcomes[0].played.answered].mean())
    assert found.measure == "cost" and [one.name for one in found.ranked] == ["bold", "wary"]
    assert found.outcomes[0].score == pytest.approx(9.0 * true)
    assert found.outcomes[1].score == pytest.approx(1.0 - true)
    for one, recall in zip(found.outcomes, (0.0, 1.0), strict=True):
        assert one.metrics["cost"] == one.score and one.metrics["recall"] == recall
        assert sum(point.value * point.rows for point in one.curve) == pytest.approx(one.score * found.counted)


def test_values_are_scored_by_their_mean_absolute_error_and_less_is_better() -> None:
    rows = table(3_000)
    level = np.where(np.arange(3_000) < 1_500, 10.0, 30.0)
    events = Stream.of(spec("regression"), with_label(rows, pa.array(level + rows.column("x").to_numpy())))

    def learned(order: Order) -> Made:
        known = order.stream.known_rows(order.labels)
        if order.change is not None:
            known = known[order.stream.event_time[known] >= order.change.event_time]
        value = float(order.stream.target[known].astype(float).mean())
        return Made(Constant((), value, int(order.stream.event_time[known[-1]])), spread=1.0)

    makes = Fits(learned, float)
    found = backtest(events, [never(400, makes), Tidemill("Tidemill", 400, Budget(), makes)], [], silent)
    assert found.measure == "mae"
    assert [one.name for one in found.ranked] == ["Tidemill", "never"]
    ours = found.outcomes[1]
    assert ours.score < 3.0 < 8.0 < found.outcomes[0].score
    (alarm,) = ours.played.alarms
    assert alarm.changed_ms == BEGIN + 1_500 * MINUTE


def test_the_adaptive_forest_learns_each_label_when_it_is_known() -> None:
    events = stream(1_200, (700,))
    one, other = (AdaptiveForest(float, seed=1).play(events, silent) for _ in range(2))
    assert np.array_equal(one.scores, other.scores, equal_nan=True)
    assert not one.answered[:50].any() and one.answered[51:].all()
    right = (one.scores >= 0.5) == (events.target == 1)
    assert right[200:700].mean() > 0.9 > 0.2 > right[700:750].mean(), "no label of the new world was known yet"
    assert right[1_100:].mean() > 0.7
