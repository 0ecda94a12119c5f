"""Quiet failures: what stopped, what meets no longer and what is new is told, and a season or a night is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import logs, model, profiles_of, published, reference
from tidemill.contracts.events.platform import DriftEvent, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.detector import Detector, Outcome
from tidemill_learning.drift.quiet.join_rate import JoinRate
from tidemill_learning.drift.quiet.novelty import AT_ONCE, Novelty
from tidemill_learning.drift.quiet.silence import MINUTE_MS, WEEK_MS, silence

MINUTES_A_DAY = 24 * 60
SPEC = model(window=200)


def a_day(pattern: str, rng: np.random.Generator, day: int) -> np.ndarray:
    """Rows of each minute of a day."""
    minute = np.arange(MINUTES_A_DAY)
    awake = (minute >= 7 * 60) & (minute < 20 * 60)
    if pattern == "nightly batch":  # somewhere around two o'clock
        rows = np.zeros(MINUTES_A_DAY, dtype=np.int64)
        rows[120 + int(rng.integers(-20, 20))] = 5_000
        return rows
    rate = {
        "steady": np.full(MINUTES_A_DAY, 3.0),
        "sleeps": np.where(awake, 5.0, 0.0),
        "weekly": np.where(awake, 5.0, 0.5) * (0.0 if day % 7 >= 5 else 1.0),
        "monthly": np.full(MINUTES_A_DAY, 20.0 if day % 30 >= 26 else 2.0),
        "rare": np.full(MINUTES_A_DAY, 10.0 / MINUTES_A_DAY),
    }[pattern]
    return rng.poisson(rate)


def arrivals(pattern: str, days: int, stops_at: int | None = None, seed: int = 0) -> Any:
    """What came from one time to before another; from minute `stops_at` on nothing."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([a_day(pattern, rng, day) for day in range(days)])
    if stops_at is not None:
        rows[stops_at:] = 0
    upto = np.concatenate(([0], np.cumsum(rows)))

    def arrived(since: int, until: int) -> int | None:
        if since < 0:
            return None
        return int(upto[min(until // MINUTE_MS, len(rows))] - upto[since // MINUTE_MS])

    return arrived


@pytest.mark.parametrize("pattern", ["steady", "sleeps", "weekly", "monthly", "nightly batch", "rare"])
def test_a_stream_that_sleeps_or_comes_once_a_day_is_silent_without_an_alarm(pattern: str) -> None:
    arrived = arrivals(pattern, 60)
    looks = range(0, 60 * MINUTES_A_DAY, 15)
    assert [at for at in looks if silence(at * MINUTE_MS, arrived) is not None] == []


@pytest.mark.parametrize(
    ("pattern", "hour", "within"),
    [("steady", 3, 90), ("sleeps", 10, 60), ("weekly", 10, 60), ("nightly batch", 1, 2_900)],
)
def test_what_stops_is_told_soon_and_until_it_comes_again(pattern: str, hour: int, within: int) -> None:
    day = 36  # a Tuesday of this calendar
    stops = day * MINUTES_A_DAY + hour * 60
    arrived = arrivals(pattern, 40, stops)
    found = [m for m in range(0, within + 1, 5) if silence((stops + m) * MINUTE_MS, arrived) is not None]
    print(f"{pattern}: told after {found[0]} minutes")
    told = silence((stops + found[0]) * MINUTE_MS, arrived)
    assert told is not None and told.seen <= 0.05 * told.expected and "earlier weeks" in told.detail
    assert silence((stops - 60) * MINUTE_MS, arrived) is None


def test_one_week_of_log_is_no_habit() -> None:
    stops = 13 * MINUTES_A_DAY
    assert silence((stops + 300) * MINUTE_MS, arrivals("steady", 14, stops)) is None
    assert silence((stops + 300) * MINUTE_MS, lambda since, until: None if since < stops - WEEK_MS else 0) is None


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30), st.integers(0, 2**20))
def test_where_no_more_comes_than_was_usual_silence_is_told_only_of_a_twentieth_of_it(
    counts: list[int], at: int
) -> None:
    def arrived(since: int, until: int) -> int | None:
        return counts[(since // MINUTE_MS) % len(counts)]

    found = silence(5 * WEEK_MS + at * MINUTE_MS, arrived)
    assert found is None or (found.expected >= 50 and found.seen <= 0.05 * found.expected)


def run(profiles: list[Profile], spec: Any = SPEC, restart: bool = False, told: Any = None) -> list[Outcome]:
    detector, found = Detector(spec, "c"), list[Outcome]()
    detector.set_champion(published(partitions=1), told or reference())
    for profile in profiles:
        if restart:
            detector = Detector(spec, "c", detector.to_bytes())
            detector.set_champion(published(partitions=1), told or reference())
        found += detector.apply(profile, 0)
    return found


def failures(outcomes: list[Outcome]) -> list[tuple[Any, str]]:
    return [(one.failure, one.subject) for one in outcomes if isinstance(one, DriftEvent) and one.failure]


def stream(count: int = 6_000) -> list[Profile]:
    return sorted(profiles_of(SPEC, logs(count)), key=lambda one: one.ended_at)


@pytest.mark.parametrize("restart", [False, True])
def test_labels_that_meet_no_predictions_any_more_are_told_once_and_ask_for_nothing(restart: bool) -> None:
    made = logs(6_000)
    for _, row in made.rows["labels"][3_000:]:
        row["event_id"] += "?" if int(row["event_id"].split("-")[1]) % 2 else ""
    outcomes = run(sorted(profiles_of(SPEC, made), key=lambda one: one.ended_at), restart=restart)
    assert failures(outcomes) == [("join_rate_fell", "labels")]
    (event,) = (one for one in outcomes if isinstance(one, DriftEvent) and one.failure)
    assert "met a prediction where" in event.detail and event.statistic > event.threshold
    assert not [one for one in outcomes if isinstance(one, RetrainRequest)]


def test_a_calm_stream_has_no_quiet_failure() -> None:
    assert failures(run(stream())) == []


def test_a_category_that_was_never_learned_is_told_when_it_comes() -> None:
    def changed(one: Profile) -> Profile:
        if one.kind != "features" or one.window < 10:
            return one
        return replace(one, features=tuple(
            replace(f, categories={**f.categories, "a": f.categories["a"] - 6, "z": 6}) if f.name == "c" else f
            for f in one.features
        ))  # fmt: skip

    outcomes = run([changed(one) for one in stream()])
    assert failures(outcomes) == [("new_category", "c")]
    (event,) = (one for one in outcomes if isinstance(one, DriftEvent))
    assert "'z' is new: 6 of 200 values" in event.detail and event.kind == "feature"


def test_a_feature_whose_values_are_not_all_named_says_nothing_of_new_ones() -> None:
    told = reference()
    told["features"]["c"]["other"] = 5
    told["features"]["c"]["counts"] = {"b": 6_000}
    assert ("new_category", "c") not in failures(run(stream(2_000), told=told))


def test_a_class_that_the_version_does_not_know_is_told() -> None:
    told = {**reference(), "predictions": {"shares": {"red": 0.5, "blue": 0.5}, "count": 1_000}}
    spec = model(window=200, task="multiclass")
    known = Counter(red=100, blue=100)
    quality = [
        replace(one, errors=(), classes=dict(known if one.window < 5 else known + Counter(green=8)))
        for one in stream(3_000)
        if one.kind == "quality"
    ]
    assert failures(run(quality, spec, told=told)) == [("new_class", "label")]


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 90)), min_size=1, max_size=60))
def test_however_windows_are_cut_no_label_is_counted_twice_in_a_share(windows: list[tuple[int, int]]) -> None:
    rate = JoinRate()
    for labels, met in windows:
        rate = JoinRate(rate.to_state())
        found = rate.take("stream", 0, labels, min(labels, met))
        assert found is None or 0 <= found.share < found.least <= found.usual <= 1


@given(st.permutations([0, 1] * 8))
def test_a_rate_that_fell_in_every_partition_is_low_once_in_whatever_order_their_windows_come(order: list[int]) -> None:
    rate, seen, low = JoinRate(), [0, 0], []
    for partition in order:
        rate.take("stream", partition, 200, 200 if seen[partition] < 5 else 0)
        seen[partition] += 1
        low.append(rate.low)
    assert low == sorted(low) and low[-1], "a partition that lags is no recovery"


@given(st.lists(st.integers(1, 80), min_size=1, max_size=30))
def test_values_that_are_known_are_never_new_and_small_windows_add_up(counts: list[int]) -> None:
    novelty, found = Novelty(), []
    for count in counts:
        novelty = Novelty(novelty.to_state())
        found += novelty.take("c", {"a": count, "z": count}, 2 * count, {"a"})
    assert {one.value for one in found} == ({"z"} if 2 * sum(counts) >= AT_ONCE else set())
    assert all(one.total >= AT_ONCE and one.total < AT_ONCE + 160 for one in found)
