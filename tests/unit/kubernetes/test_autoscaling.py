"""What the shipped rules of scaling do to drawn loads, on a clock of their own: zero, cap, back, and no swinging."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.kubernetes.autoscaler import EVERY_S, Hpa, Keda, by_lag, by_share

AUTOSCALING = Path(__file__).resolve().parents[3] / "deploy/kubernetes/components/autoscaling"
RECORDED = Path(__file__).with_name("recorded.json")
"""Lags of a run of `make k8s-test` at its looks, until they were zero for good: by worker (seconds, records)."""
HOUR_S = 3_600
TICK_S = 5
WINDOW_S = 300
COMMIT_S = 0.5
"""What has come since the last commit is lag, too."""


@cache
def shipped(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load((AUTOSCALING / f"{name}.yaml").read_text())["spec"]
    return spec


def rules(name: str, *, least: int = 0, most: int = 6, topics: int = 1) -> dict[str, Any]:
    """The shipped ScaledObject of a worker, with an overlay's bounds and so many of its topics."""
    spec = shipped(name)
    return spec | {
        "minReplicaCount": least,
        "maxReplicaCount": most,
        "triggers": [*spec["triggers"][:topics], spec["triggers"][-1]],
    }


@dataclass
class Group:
    """A consumer group under load. `speed`: records a second of one member, with which it takes `cores` of processor
    time; `start_s`: until a new one works.
    """

    keda: Keda
    partitions: int
    speed: float
    start_s: float = 20.0
    cores: float = 1.0
    backlog: float = 0.0
    seen: list[tuple[int, int]] = field(default_factory=list)
    _working: int = 0
    _coming: deque[tuple[float, int]] = field(default_factory=deque)

    def run(self, seconds: int, rate: Callable[[int], float], begin: int = 0) -> None:
        """Let time pass; `seen` gets the replicas of every look."""
        for now in range(begin, begin + seconds, TICK_S):
            members = self._members(now)
            come = self.backlog + TICK_S * rate(now)
            done = min(come, TICK_S * members * self.speed)
            self.backlog = come - done
            if now % EVERY_S == 0:
                busy = self.cores * done / (TICK_S * members * self.speed) if members else 0.0
                self.keda.step(now, [int(self.backlog + rate(now) * COMMIT_S)], self.partitions, busy)
                self._coming.append((now + self.start_s, self.keda.replicas))
                self.seen.append((now, self.keda.replicas))

    def _members(self, now: int) -> int:
        """Those that were there `start_s` ago and are still; a partition has one reader."""
        while self._coming and self._coming[0][0] <= now:
            self._working = self._coming.popleft()[1]
        return min(self._working, self.keda.replicas, self.partitions)


def turns(seen: list[tuple[int, int]]) -> list[int]:
    """When the number of replicas began to move the other way."""
    found, last = [], 0
    for (_, before), (at, after) in pairwise(seen):
        sign = (after > before) - (after < before)
        if sign and last and sign != last:
            found.append(at)
        last = sign or last
    return found


def most_turns_in_a_window(seen: list[tuple[int, int]]) -> int:
    found = turns(seen)
    return max((sum(at <= other <= at + WINDOW_S for other in found) for at in found), default=0)


@settings(max_examples=25)
@given(
    partitions=st.integers(1, 48),
    most=st.integers(1, 48),
    speed=st.floats(2_000, 100_000),
    share=st.floats(0.02, 1.3),
    start_s=st.floats(3, 60),
    cores=st.floats(0.75, 2),
    name=st.sampled_from(["validator", "stream"]),
)
def test_under_a_constant_load_the_direction_changes_at_most_once_in_five_minutes(
    partitions: int, most: int, speed: float, share: float, start_s: float, cores: float, name: str
) -> None:
    """`share`: of what as many members as there may be can do; above 1 it stays at the cap. That no overlay lets a
    group have more members than partitions is a contract test.
    """
    rate = share * speed * min(partitions, most)
    group = Group(Keda(rules(name, most=min(most, partitions))), partitions, speed, start_s, cores)
    group.run(HOUR_S, lambda now: rate)
    assert most_turns_in_a_window(group.seen) <= 1
    assert max(count for _, count in group.seen) <= max(1, min(most, partitions))
    if share > 1:
        assert group.seen[-1][1] == min(most, partitions)


def test_by_lag_alone_a_constant_load_would_swing() -> None:
    """Why processor time has a trigger, too: two members are idle enough to lose one, and one is too few."""
    swinging, steady = (Group(Keda(rules("stream", most=2)), 2, 2_000, 3.0, cores=cores) for cores in (0.0, 1.0))
    for group in (swinging, steady):
        group.run(HOUR_S, lambda now: 3_000.0)
    assert most_turns_in_a_window(swinging.seen) > 1
    assert most_turns_in_a_window(steady.seen) <= 1


@settings(max_examples=25)
@given(
    partitions=st.integers(1, 48),
    most=st.integers(1, 48),
    burst=st.integers(1, 5_000_000),
    speed=st.floats(20_000, 200_000),
)
def test_a_burst_is_worked_off_from_zero_and_then_nothing_is_left_running(
    partitions: int, most: int, burst: int, speed: float
) -> None:
    group = Group(Keda(rules("stream", most=min(most, partitions))), partitions, speed, backlog=float(burst))
    group.run(2 * HOUR_S, lambda now: 0.0)
    assert group.backlog == 0
    assert group.seen[-1][1] == 0
    highest = max(count for _, count in group.seen)
    assert 1 <= highest <= max(1, min(most, partitions))
    if burst > 20_000 * min(most, partitions) * 2 + 200 * speed:  # still there when the first one has begun
        assert highest == min(most, partitions)


def test_two_million_records_make_it_go_from_zero_to_the_cap_and_back_in_one_arch() -> None:
    group = Group(Keda(rules("validator", most=6)), 6, 20_000, backlog=2_000_000.0)
    group.run(HOUR_S, lambda now: 0.0)
    counts = [count for _, count in group.seen]
    top = counts.index(6)
    assert counts[:top] == sorted(counts[:top]) and top * EVERY_S <= 60
    assert counts[top:] == sorted(counts[top:], reverse=True) and counts[-1] == 0
    assert len(turns(group.seen)) == 1


@pytest.mark.parametrize("name", ["validator", "stream"])
def test_recorded_lags_are_one_arch_by_the_shipped_times(name: str) -> None:
    """Nothing is taken away between kills and between bursts, and nothing is left in the end."""
    recorded = json.loads(RECORDED.read_text())
    spec = copy.deepcopy(rules(name))
    spec["triggers"][0]["metadata"] |= {"lagThreshold": str(recorded["threshold"])}
    keda, seen = Keda(spec), []
    lags = recorded["lags"][name]
    for now in range(0, HOUR_S, EVERY_S):
        keda.step(now, [next(lag for at, lag in reversed(lags) if at <= now)], recorded["partitions"])
        seen.append((now, keda.replicas))
    assert max(count for _, count in seen) == 6
    assert seen[-1][1] == 0
    assert len(turns(seen)) == 1


def test_an_idle_group_that_has_never_committed_is_begun_by_the_first_record() -> None:
    group = Group(Keda(rules("stream")), 6, 50_000)
    group.run(HOUR_S, lambda now: 0.0)
    assert {count for _, count in group.seen} == {0}
    group.backlog = 1.0
    group.run(60, lambda now: 0.0, begin=HOUR_S)
    assert group.seen[-1][1] == 1 and group.backlog == 0


def test_where_the_overlay_says_two_there_are_never_fewer() -> None:
    group = Group(Keda(rules("stream", least=2, most=12)), 12, 50_000, backlog=500_000.0)
    group.run(2 * HOUR_S, lambda now: 0.0)
    assert min(count for _, count in group.seen) == 2
    assert group.seen[-1][1] == 2


def test_of_several_topics_the_one_that_lags_most_decides() -> None:
    keda = Keda(rules("validator", topics=2))
    keda.step(0, [0, 1], 6)
    keda.step(15, [0, 45_000], 6)
    assert keda.replicas == 3


@pytest.mark.parametrize(
    ("lag", "partitions", "current", "asked"),
    [
        (0, 6, 1, 0),
        (20_000, 6, 1, 1),
        (21_999, 6, 1, 1),
        (22_001, 6, 1, 2),
        (10**9, 6, 1, 6),
        (10**9, 48, 6, 48),
        (1, 1, 1, 1),
    ],
)
def test_a_trigger_asks_for_a_replica_a_threshold_of_lag_within_a_tenth_and_its_partitions(
    lag: int, partitions: int, current: int, asked: int
) -> None:
    assert by_lag(lag, partitions, 20_000, current) == asked


def serve_steps(value: float, current: int, seconds: int) -> Iterator[int]:
    """Replicas of *serve* at every look, where each metric asks for `value` of what it aims at."""
    spec = shipped("serve")
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    hpa = Hpa(spec["minReplicaCount"], spec["maxReplicaCount"], behavior)
    for now in range(0, seconds, EVERY_S):
        current = hpa.step(now, current, [by_share(value, 1.0, current)])
        yield current


def test_serve_gets_one_more_every_half_minute_up_to_twenty() -> None:
    counts = list(serve_steps(3.0, 3, 900))
    assert counts[:5] == [4, 4, 5, 5, 6]
    assert counts[-1] == 20
    assert all(after - before <= 1 for before, after in pairwise(counts))


def test_serve_gives_one_back_every_five_minutes_and_keeps_three() -> None:
    counts = list(serve_steps(0.1, 8, HOUR_S))
    assert counts[-1] == 3
    fell = [number * EVERY_S for number in range(1, len(counts)) if counts[number] < counts[number - 1]]
    assert all(later - earlier >= WINDOW_S for earlier, later in pairwise(fell))


def test_serve_stays_where_it_is_while_it_is_within_a_tenth_of_its_aim() -> None:
    assert set(serve_steps(1.09, 5, HOUR_S)) == set(serve_steps(0.91, 5, HOUR_S)) == {5}
