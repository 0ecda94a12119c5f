"""What is told depends on what each partition held, not on how many processes read them, in which order, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import logs, model, profiles_of, published, reference
from tidemill.contracts.events.platform import DriftEvent, ModelPerformance, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.detector import Detector, Outcome

PARTITIONS = 6
WINDOW = 120
CHANGED_FROM = 4
WATCHED: list[Any] = [("features", "predictions", "quality"), ("features", "predictions"), ("features",)]


@cache
def partitions() -> tuple[tuple[Profile, ...], ...]:
    """What *profile* writes of each of six partitions: from one window on other answers, values and scores; one
    partition has a window that ends before the one before it, and all end at the same moments.
    """
    return tuple(tuple(_changed(one) for one in _of(partition)) for partition in range(PARTITIONS))


def _of(partition: int) -> list[Profile]:
    calm = logs(CHANGED_FROM * WINDOW, 1, partition=partition)
    worse = logs(6 * WINDOW, 2, partition=partition, first=CHANGED_FROM * WINDOW, worse=0.5)
    for role in calm.rows:
        held = calm.rows[role]
        held += [(len(held) + n, row) for n, (_, row) in enumerate(worse.rows[role])]
    return profiles_of(model(window=WINDOW), calm, partition)


def _changed(one: Profile) -> Profile:
    ended_at = 2_500 if (one.partition, one.window) == (2, 3) else (one.window + 1) * 1_000
    one = replace(one, started_at=ended_at - 1_000, ended_at=ended_at)
    if one.window < CHANGED_FROM:
        return one
    features = tuple(replace(f, categories={"z": f.count}) if f.name == "c" else f for f in one.features)
    scores = tuple(replace(score, bins=score.bins[30:] + score.bins[:30]) for score in one.scores)
    return replace(one, features=features, scores=scores)


def told(watch: Any, profiles: Sequence[Profile], restarts: frozenset[int] = frozenset()) -> list[Outcome]:
    """What a detector says; `restarts`: after which profiles it dies and is made again from its state."""
    spec = model(window=WINDOW, watch=watch)
    detector, outcomes = Detector(spec, "c"), list[Outcome]()
    detector.set_champion(published(partitions=PARTITIONS), reference())
    for place, profile in enumerate(profiles):
        outcomes += detector.apply(profile, 1_000)
        if place in restarts:
            detector = Detector(spec, "c", detector.to_bytes())
            detector.set_champion(published(partitions=PARTITIONS), reference())
    return outcomes


@cache
def one_by_one(watch: Any) -> tuple[Outcome, ...]:
    """As one process tells that reads all partitions side by side."""
    return tuple(told(watch, sorted((p for of in partitions() for p in of), key=lambda p: (p.window, p.partition))))


def kinds(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    """Drift events by source of their profiles, figures, and which requests there are, each in the order of telling."""
    found: dict[str, list[Any]] = {}
    for one in outcomes:
        if isinstance(one, DriftEvent):
            found.setdefault(f"{one.kind} {one.failure or ''}", []).append(one)
        elif isinstance(one, ModelPerformance):
            found.setdefault("figures", []).append(one)
        else:
            found.setdefault("requests", []).append((one.request_id, one.event_time, one.cause))
    return found


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(WATCHED))
def test_however_the_profiles_of_six_partitions_are_interleaved_repeated_and_restarted_the_same_is_told(
    seed: int, watch: Any
) -> None:
    rng = np.random.default_rng(seed)
    turns = rng.permutation(np.repeat(np.arange(PARTITIONS), [len(of) for of in partitions()]))
    reading = [iter(of) for of in partitions()]
    profiles: list[Profile] = []
    for partition in turns.tolist():
        profiles.append(next(reading[partition]))
        if rng.random() < 0.1:  # died before its commit: what it had written is written again
            mine = [p for p in profiles if p.partition == partition]
            profiles += mine[-int(rng.integers(1, 6)) :]
    dies = frozenset(np.flatnonzero(rng.random(len(profiles)) < 0.05).tolist())
    assert kinds(told(watch, profiles, dies)) == kinds(one_by_one(watch))


@pytest.mark.parametrize("watch", WATCHED, ids=str)
def test_what_is_compared_above_is_told_at_all(watch: Any) -> None:
    outcomes = one_by_one(watch)
    events = [one for one in outcomes if isinstance(one, DriftEvent)]
    assert {one.kind for one in events if not one.failure} == {kind.removesuffix("s") for kind in watch}
    assert [one.failure for one in events if one.failure] == ["new_category"]
    assert bool([one for one in outcomes if isinstance(one, RetrainRequest)]) == ("quality" not in watch)
