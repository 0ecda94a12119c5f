"""How often the watch in label time cries without a reason, and how soon with one. Seeded; `pytest -s` shows counts."""

from __future__ import annotations

import numpy as np
import pytest

from tidemill_learning.label_time.change_detector import ChangeDetector, Place
from tidemill_learning.label_time.change_point import ChangePoint, locate
from tidemill_learning.label_time.losses import losses, surprises

STATIONARY = 100_000
DELAY = 500


def errors(rng: np.random.Generator, rate: np.ndarray) -> np.ndarray:
    """Surprises of a model that is sure of itself (0.05 or 0.95) and wrong at `rate`, [n]."""
    score = np.where(rng.random(len(rate)) < 0.5, 0.05, 0.95)
    y = ((score > 0.5) ^ (rng.random(len(rate)) < rate)).astype(np.int64)
    return surprises("binary", losses("binary", y, score), score)


def alarms(values: np.ndarray) -> list[tuple[int, ChangePoint]]:
    detector = ChangeDetector()
    found = ((k, detector.add(float(value), float(value), Place(k))) for k, value in enumerate(values))
    return [(k, change) for k, change in found if change is not None]


@pytest.mark.timeout(300)
def test_less_than_one_false_alarm_in_a_hundred_thousand_stationary_labels() -> None:
    counts = [
        len(alarms(errors(np.random.default_rng(seed), np.full(STATIONARY, rate))))
        for seed, rate in enumerate([0.05, 0.1, 0.2, 0.3])
    ]
    print(f"false alarms in {STATIONARY:,} stationary labels each: {counts} (limit: 1 on average)")
    assert sum(counts) <= len(counts)


def test_a_week_that_is_hard_to_tell_every_weekend_is_no_drift() -> None:
    """The model says that weekends are hard, and they are: its promise is kept."""
    rng = np.random.default_rng(4)
    hard = (np.arange(50_000) // 400) % 7 >= 5
    score = np.where(hard, 0.6, 0.9)
    y = (rng.random(len(score)) < score).astype(np.int64)
    assert alarms(surprises("binary", losses("binary", y, score), score)) == []


def test_a_version_that_promises_more_and_keeps_more_of_it_is_no_change() -> None:
    """From the middle on another version serves: it errs half as often, and is more sure of itself than it should."""
    rng = np.random.default_rng(5)
    for better in (True, False):
        score = np.where(np.arange(6_000) < 3_000, 0.7, 0.99)
        y = (rng.random(6_000) < np.where(np.arange(6_000) < 3_000, 0.7, 0.85 if better else 0.5)).astype(np.int64)
        loss = losses("binary", y, score)
        detector = ChangeDetector()
        surprise = surprises("binary", loss, score)
        found = [detector.add(float(surprise[k]), float(loss[k]), Place(k)) for k in range(6_000)]
        assert any(found) is not better


@pytest.mark.parametrize(("before", "after"), [(0.05, 0.4), (0.1, 0.4), (0.2, 0.5)])
def test_an_abrupt_change_is_found_within_a_thousand_rows_the_delay_included(before: float, after: float) -> None:
    waits, misplaced = [], []
    for seed in range(20):
        rate = np.where(np.arange(6_000) < 3_000, before, after)
        found = [one for one in alarms(errors(np.random.default_rng(seed), rate)) if one[0] >= 3_000]
        assert found, "the change is found"
        waits.append(found[0][0] - 3_000 + DELAY)
        misplaced.append(abs(found[0][1].event_time - 3_000))
    print(
        f"{before} to {after}: found {max(waits)} rows after at the latest (limit 1,000), misplaced by {max(misplaced)}"
    )
    assert max(waits) <= 1_000
    assert sorted(misplaced)[10] <= 20


def test_that_it_became_better_is_no_alarm() -> None:
    rate = np.where(np.arange(6_000) < 3_000, 0.4, 0.05)
    assert alarms(errors(np.random.default_rng(1), rate)) == []


def test_labels_in_another_order_than_their_events_give_the_time_of_the_events() -> None:
    rng = np.random.default_rng(2)
    rate = np.where(np.arange(6_000) < 3_000, 0.05, 0.5)
    values = errors(rng, rate)
    detector, change = ChangeDetector(), None
    order = np.argsort(np.arange(6_000) + rng.integers(0, 150, 6_000), kind="stable")
    for k in order:
        change = change or detector.add(float(values[k]), float(values[k]), Place(int(k), "clean", int(k) % 3, int(k)))
    assert change is not None and abs(change.event_time - 3_000) <= 40
    assert [partition for _, partition, _ in change.offsets] == [0, 1, 2]


def test_where_the_mean_never_rose_there_is_no_place() -> None:
    assert locate(np.linspace(1.0, 0.0, 100)) is None
    assert locate(np.zeros(3)) is None
