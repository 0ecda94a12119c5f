"""A version that is bad from its first labels on is told, and the one before comes back; a good one never is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_learning.label_time.base_rate import BaseRate
from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import Answers, BornBad, Decision, LabelledRows, LabelTime
from tidemill_learning.label_time.losses import losses
from tidemill_learning.label_time.pool import Takeover

BUDGET = Budget(1, 1_000_000)
"""The first version alone is made by label time: the second one is a person's."""


class Two:
    """Rows whose label follows `good`; from row 3,000 on a person has released version 2, which answers `second`."""

    def __init__(self, second: Any, rows: int = 6_000, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.good = np.where(rng.random(rows) < 0.5, 0.8, 0.2)
        self.label = (rng.random(rows) < self.good).astype(np.int64)
        self.answers = {1: self.good, 2: second(self.good, rng)}

    def play(self, cuts: list[int], restart: bool = False) -> list[Decision]:
        loop, said = LabelTime("binary", 500, BUDGET), list[Decision]()
        ends = sorted({*cuts, 3_000, len(self.label)})
        for begin, end in zip([0, *ends], ends, strict=False):
            if begin == 3_000:
                loop.crown(2)
            at = begin
            while at < end:
                places = [Place(k) for k in range(at, end)]
                rows = LabelledRows(self.label[at:end], np.arange(at, end, dtype=np.int64), places)
                taken, decisions = loop.learn(rows, {v: Answers(self.answers[v][at:end]) for v in loop.versions})
                said += decisions
                at += taken
                if loop.awaits:
                    loop.fitted(1)
                if restart:
                    loop = LabelTime("binary", 500, BUDGET, json.loads(json.dumps(loop.to_state())))
        return said


def inverted(good: np.ndarray, _: Any) -> np.ndarray:
    return 1 - good


@pytest.mark.parametrize("seed", range(5))
def test_a_version_that_is_worse_than_the_one_before_is_told_and_the_one_before_comes_back(seed: int) -> None:
    said = Two(inverted, seed=seed).play([])
    found = [one for one in said if isinstance(one, BornBad)]
    bad = next(one for one in found if one.worse_than == 1)
    back = [one for one in said if isinstance(one, Takeover)][-1]
    print(f"born bad after {bad.labels} labels")
    assert bad.version == 2 and bad.labels <= 100 and bad.loss_more > 0.1
    assert len(found) <= 2 and {one.worse_than for one in found} <= {1, None}, "told once of each"
    assert (back.version, back.over, back.label) == (1, 2, bad.label)
    assert "version 2 is worse than version 1 from its first" in bad.detail


def test_a_first_version_that_is_worse_than_the_base_rate_is_told() -> None:
    two = Two(inverted)
    two.answers[1] = two.answers[2]
    bad = next(one for one in two.play([]) if isinstance(one, BornBad))
    assert (bad.version, bad.worse_than) == (1, None) and bad.label < 700
    assert "the base rate" in bad.detail


@pytest.mark.parametrize("seed", range(10))
def test_versions_that_are_as_good_or_say_the_base_rate_are_not_called_bad(seed: int) -> None:
    """60,000 labels on probation in all: none may be called so."""
    as_good = Two(lambda good, rng: np.clip(good + rng.normal(0, 0.05, len(good)), 0.01, 0.99), seed=seed)
    assert not [one for one in as_good.play([]) if isinstance(one, BornBad)]
    plain = Two(inverted, seed=seed)
    plain.answers[1] = np.full(len(plain.label), 0.5)
    assert not [one for one in plain.play([3_000])[:3] if isinstance(one, BornBad) and one.version == 1]


def test_a_world_that_changes_later_is_no_birth() -> None:
    two = Two(lambda good, rng: good, seed=3)
    two.label[4_000:] = 1 - two.label[4_000:]
    assert not [one for one in two.play([]) if isinstance(one, BornBad)]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 5_999), max_size=6), st.booleans())
def test_neither_batches_nor_restarts_change_what_is_said(cuts: list[int], restart: bool) -> None:
    two = Two(inverted)
    assert two.play(cuts, restart) == two.play([])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_base_rate_loses_what_an_answer_that_knows_no_feature_loses(task: Any) -> None:
    rng = np.random.default_rng(0)
    target: Any = {
        "binary": (rng.random(20_000) < 0.3).astype(np.int64),
        "multiclass": rng.choice(np.array(["a", "b", "c"]), 20_000, p=[0.6, 0.3, 0.1]),
        "regression": rng.normal(10, 2, 20_000),
    }[task]
    answer: Any = {
        "binary": np.full(20_000, 0.3),
        "multiclass": np.tile([0.6, 0.3, 0.1], (20_000, 1)),
        "regression": np.full(20_000, 10.0),
    }[task]
    base = BaseRate(task)
    found = base.losses(target, 2.0)
    assert found.mean() == pytest.approx(losses(task, target, answer, ("a", "b", "c"), 2.0).mean(), abs=0.003)
    assert found.min() >= 0 and found.max() <= 1
    base.learn(target[:10_000])
    again = BaseRate(task, json.loads(json.dumps(base.to_state())))
    assert np.array_equal(again.losses(target[10_000:], 2.0), found[10_000:])
