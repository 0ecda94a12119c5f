"""A mixture in a backtest answers as the weighted mean of its members, from the label that decided it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.unit.learning.backtest.one_feature import stream
from tidemill_learning.backtest.fitting import Fits, Made, Order
from tidemill_learning.backtest.mixture import MixtureScorer
from tidemill_learning.backtest.playing import Played
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import Budget

BUDGET = Budget(mixtures=(20, 40_000))


@dataclass
class Blind:
    """Right about every x but those from `low` on, for a tenth of all, where it says the opposite."""

    low: float
    fitted_until_ms: int = 0
    classes: tuple[str, ...] = ("false", "true")
    threshold: float = 0.5

    def score(self, inputs: Mapping[str, Any]) -> np.ndarray:
        x = inputs["x"][:, 0]
        wrong = (x >= self.low) & (x < self.low + 0.1)
        return np.where((x > 0.5) ^ wrong, 0.95, 0.05)


def play(at_once: int = 512, budget: Budget = BUDGET) -> Played:
    """The first two fits give versions that are blind in different places; later ones give none."""
    blind = iter((0.2, 0.7))

    def fit(order: Order) -> Made:
        low = next(blind, None)
        if low is None:
            raise ValueError("no more versions")
        return Made(Blind(low))

    return Tidemill("Tidemill", 400, budget, Fits(fit, float), at_once).play(stream(3_000), lambda *_: None)


def test_two_versions_that_are_blind_apart_answer_together_from_then_on() -> None:
    played = play()
    mixed = next(one for one in played.releases if one.mixture)
    weights = dict(mixed.mixture)
    assert set(weights) == {1, 2} and sum(weights.values()) == 1
    assert "version 1 with" in mixed.why and "version 2 with" in mixed.why
    x = stream(3_000).inputs["x"]
    last = [played.scores[-1], sum(weights[v] * Blind(low).score({"x": x[-1:]})[0] for v, low in ((1, 0.2), (2, 0.7)))]
    assert played.releases[-1] is mixed and last[0] == pytest.approx(last[1])


def test_batches_change_nothing_and_without_mixtures_there_are_none() -> None:
    one, other = play(), play(97)
    assert one.releases == other.releases and np.array_equal(one.scores, other.scores, equal_nan=True)
    assert not any(release.mixture for release in play(budget=Budget()).releases)


def test_it_decides_by_its_members_thresholds_and_has_learned_what_the_newest_of_them_has() -> None:
    found = MixtureScorer([(Blind(0.2, 5, threshold=0.2), 0.75), (Blind(0.7, 9, threshold=0.6), 0.25)])
    assert found.threshold == pytest.approx(0.3)
    assert (found.fitted_until_ms, found.classes) == (9, ("false", "true"))
    x = np.array([[0.25], [0.75], [0.9]])
    assert found.score({"x": x}).tolist() == pytest.approx([0.75 * 0.95 + 0.25 * 0.05, 0.75 * 0.95 + 0.25 * 0.05, 0.95])
