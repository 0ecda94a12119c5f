"""Mixtures in label time: their weights follow the labels, they take over where they are better, never for worse."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.label_time.mixing_world import ON, World, halves
from tidemill.artifact.lineage import MOST_MEMBERS
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import Answers, LabelTime, MixDue, Takeover
from tidemill_learning.label_time.mixture.answers import together
from tidemill_learning.label_time.mixture.fixed_share import FixedShare
from tidemill_learning.label_time.mixture.mixing import PARTS, rounded
from tidemill_learning.label_time.pool import Pool


def dues(world: World) -> list[MixDue]:
    return [one for one in world.said if isinstance(one, MixDue)]


def test_two_versions_that_err_apart_take_over_together() -> None:
    world = halves()
    loop = world.play()
    first = dues(world)[0]
    assert sorted(version for version, _ in first.members) == [1, 2]
    assert sum(weight for _, weight in first.members) == 1 and min(weight for _, weight in first.members) > 0.2
    assert first.log_evidence >= first.needed == pytest.approx(math.log(10_000))
    took = next(one for one in world.said if isinstance(one, Takeover) and one.mixture)
    assert took.mixture == first.members and took.over == 1 and took.label == first.label
    assert "version 1 with" in took.detail and "answer" in took.detail
    assert {1, 2} <= set(loop.versions), "its members stay"


def test_without_a_budget_for_mixtures_there_are_none() -> None:
    world = replace(halves(), budget=Budget())
    world.play()
    assert dues(world) == []


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(1, 2_499), max_size=8, unique=True), st.booleans(), st.integers(0, 3))
def test_neither_batches_nor_restarts_change_what_is_mixed(cuts: list[int], restart: bool, seed: int) -> None:
    world, whole = halves(2_500, seed), halves(2_500, seed)
    end, wanted = world.play(tuple(sorted(cuts)), restart=restart), whole.play()
    assert dues(whole), "there is something to compare"
    assert world.said == whole.said
    assert end.to_state() == wanted.to_state()


@pytest.mark.parametrize("seed", range(3))
def test_versions_that_answer_alike_are_not_mixed_for_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random(5_000) < 0.5, 0.7, 0.3)
    world = World((rng.random(5_000) < truth).astype(np.int64), {1: truth, 2: truth, 3: truth})
    world.play()
    assert dues(world) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_mixture_with_worse_versions_never_takes_over_from_who_knows_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.clip(rng.normal(0.5, 0.2, 5_000), 0.05, 0.95)
    worse = {v: np.clip(truth + rng.normal(0, 0.2, 5_000), 0.02, 0.98) for v in (2, 3)}
    world = World((rng.random(5_000) < truth).astype(np.int64), {1: truth, **worse})
    assert world.play().champion == 1 and dues(world) == []


def test_weights_follow_a_spell_and_the_mixture_is_made_anew_within_its_budget() -> None:
    rng = np.random.default_rng(2)
    rows, spell = 8_000, np.arange(8_000) // 1_500 % 2 == 0
    truth = np.clip(rng.normal(0.5, 0.25, rows), 0.02, 0.98)
    labels = (rng.random(rows) < truth).astype(np.int64)
    off = [np.clip(truth + rng.normal(0, np.where(bad, 0.45, 0.1), rows), 0.02, 0.98) for bad in (spell, ~spell)]
    world = World(labels, {1: off[0], 2: off[1]})
    world.play()
    serving = [one.members[0][0] for one in dues(world)]
    assert len(set(serving)) == 2 and len(serving) >= 3
    few = replace(world, budget=Budget(mixtures=(2, 8_000)), said=[])
    few.play()
    assert 1 <= len(dues(few)) <= 2 < len(dues(world)) <= 10


def test_a_mixture_that_cannot_be_made_is_asked_for_again_only_on_new_evidence() -> None:
    world = replace(halves(), can=lambda due: False)
    loop = world.play()
    found = dues(world)
    assert loop.champion == 1 and len(found) >= 2
    assert all(later.label - before.label >= later.labels > 30 for before, later in pairwise(found))


def test_what_is_not_due_can_be_neither_made_nor_refused() -> None:
    loop = LabelTime("binary", 500, ON)
    with pytest.raises(ValueError, match="no mixture is due"):
        loop.mixed(7)
    with pytest.raises(ValueError, match="no mixture is due"):
        loop.unmixed()


def test_a_state_of_before_there_were_mixtures_is_taken_on() -> None:
    world = halves(2_000)
    state = replace(world, budget=Budget()).play().to_state()
    state = {name: value for name, value in state.items() if name != "mixing"}
    for member in state["pool"]["members"]:
        del member["mixture"]
    loop = LabelTime("binary", 500, ON, state)
    assert loop.champion == 1 and loop.versions == (1, 2)


def test_a_mixture_that_a_person_releases_is_known_as_one_and_is_no_member_of_another() -> None:
    pool = Pool()
    pool.add(1, 0)
    pool.add(2, 0)
    pool.add(3, 0, mixture=((1, 0.5), (2, 0.5)))
    pool.crown(3)
    assert pool.plain == (1, 2) and pool.served == ((1, 0.5), (2, 0.5))
    for version in range(4, 12):
        pool.add(version, version)
    assert {1, 2, 3} <= set(pool.versions), "what serves stays, with its members"


@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=8))
def test_weights_are_rounded_to_whole_parts_of_three_at_most(weights: list[float]) -> None:
    (found,) = rounded(np.array([weights]))
    parts = found * PARTS
    assert parts.sum() == PARTS and (parts == np.round(parts)).all() and (found > 0).sum() <= MOST_MEMBERS
    whole = sum(sorted(weights)[-MOST_MEMBERS:])
    kept = np.sort(np.argsort(-np.array(weights), kind="stable")[:MOST_MEMBERS])
    assert np.abs(found[kept] - np.array(weights)[kept] / whole).max() < 1 / PARTS


def test_of_a_class_that_a_member_does_not_know_the_others_speak() -> None:
    said = {
        1: Answers(np.array([[0.6, 0.4]]), ("a", "b")),
        2: Answers(np.array([[0.2, 0.3, 0.5]]), ("c", "b", "a")),
    }
    found = together(said, {1: np.array([0.5]), 2: np.array([0.5])})
    assert found.classes == ("a", "b", "c")
    assert found.scores[0].tolist() == pytest.approx([0.55, 0.35, 0.1])


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_of_values_the_version_that_errs_less_has_most_of_the_weight_in_whatever_unit(scale: float) -> None:
    rng = np.random.default_rng(3)
    share = FixedShare("regression")
    share.keep((1, 2))
    target = rng.normal(size=400) * scale
    said = {v: Answers(target + rng.normal(size=400) * off * scale) for v, off in ((1, 0.3), (2, 0.5))}
    share.learn(share.ahead(target, said), 0, 400)
    assert share.weights[1] > 0.75
