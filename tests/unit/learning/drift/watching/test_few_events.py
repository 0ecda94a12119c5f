"""Few events are watched too: ten a day whose labels turn round raise an alarm and ask for a retraining."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import HOUR, Logs, model, profiles_of, published, reference
from tidemill.contracts.events.platform import DriftEvent, RetrainRequest
from tidemill.contracts.events.profiles import ErrorBucket, ErrorProfile
from tidemill.stats.score_bins import bin_counts
from tidemill_learning.drift.detection.adding_up import BucketRemainder, added_up
from tidemill_learning.drift.detection.detector import Detector, Outcome
from tidemill_learning.drift.detection.quality import Totals
from tidemill_learning.drift.labels import error_bins
from tidemill_learning.drift.labels.error_bins import BUCKET
from tidemill_learning.label_time.change_detector import ENOUGH_LABELS, Place
from tidemill_learning.label_time.fit_schedule import budget_of
from tidemill_learning.label_time.loop import Answers, Changed, Decision, FitDue, LabelledRows, LabelTime

DAY = 24 * HOUR
A_DAY = 10
TURNED_DAYS = 115
PARTITIONS = 2
SPEC = model(window=timedelta(days=1))


class Few:
    """`A_DAY` events a day, scored .7 or .3 and right as often, until day `turned`; then labels are the other way."""

    def __init__(self, days: int, turned: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows = days * A_DAY
        self.time = np.arange(rows, dtype=np.int64) * (DAY // A_DAY)
        self.score = np.where(rng.random(rows) < 0.5, 0.3, 0.7)
        self.x, self.b = rng.normal(100, 5, rows), rng.random(rows) < 0.3
        self.label = (rng.random(rows) < self.score) ^ (self.time >= turned * DAY)

    def logs(self, partition: int) -> Logs:
        """Every second event, by partition; labelled an hour later."""
        made = Logs()
        for k in range(partition, len(self.time), PARTITIONS):
            at, row, offset = int(self.time[k]), f"e{k}", k // PARTITIONS
            known = {"event_id": row, "event_time": at}
            made.rows["clean"].append(
                (offset, {"event_id": row, "at": at, "x": float(self.x[k]), "c": "ab"[int(self.b[k])]})
            )
            said = {"source": "stream", "version": 1, "arm": "champion", "probability": float(self.score[k])}
            made.rows["predictions"].append((offset, {**known, **said}))
            made.rows["labels"].append((offset, {**known, "observed_at": at + HOUR, "label": bool(self.label[k])}))
        return made


def by_windows(few: Few, restart: bool = False) -> list[Outcome]:
    profiles = [profile for p in range(PARTITIONS) for profile in profiles_of(SPEC, few.logs(p), p)]
    detector, told = Detector(SPEC, "c"), {**reference({"roc_auc": 0.7})}
    told["predictions"] = {"quantiles": [0.3] * 50 + [0.7] * 51, "mean": 0.5, "count": 3_000}
    detector.set_champion(published(), told)
    outcomes: list[Outcome] = []
    for profile in sorted(profiles, key=lambda one: (one.ended_at, one.partition)):
        if restart:
            detector = Detector(SPEC, "c", detector.to_bytes())
            detector.set_champion(published(), told)
        outcomes += detector.apply(profile, 0)
    return outcomes


def by_label(few: Few) -> list[Decision]:
    loop, said, at = LabelTime("binary", 300, budget_of(SPEC)), [], 0
    while at < len(few.time):
        places = [Place(int(time), "c", 0, k) for k, time in enumerate(few.time[at:], at)]
        rows = LabelledRows(few.label[at:].astype(np.int64), few.time[at:] + HOUR, places)
        taken, decisions = loop.learn(rows, {version: Answers(few.score[at:]) for version in loop.versions})
        said += decisions
        at += taken
        if loop.awaits:
            loop.fitted(len([d for d in said if isinstance(d, FitDue)]))
    return said


def quality(outcomes: Sequence[Any], kind: type[Any]) -> list[Any]:
    return [
        o for o in outcomes if isinstance(o, kind) and "quality" in (getattr(o, "kind", ""), getattr(o, "cause", ""))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_turn_round_at_ten_a_day_are_found_by_windows_of_a_day_which_leave_it_to_labels_to_ask(
    seed: int,
) -> None:
    outcomes = by_windows(Few(150 + TURNED_DAYS, 150, seed))
    event = quality(outcomes, DriftEvent)[0]
    print(f"found by windows after {event.ended_at / DAY - 150:.0f} days")
    assert 150 * DAY < event.ended_at < (150 + 100) * DAY
    assert not [o for o in outcomes if isinstance(o, RetrainRequest)]


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_turn_round_at_ten_a_day_are_found_label_by_label_and_a_fit_follows(seed: int) -> None:
    said = by_label(Few(150 + TURNED_DAYS, 150, seed))
    (alarm,) = (d for d in said if isinstance(d, Changed))
    fit = next(d for d in said if isinstance(d, FitDue) and d.cause == "quality")
    print(
        f"found {alarm.label - 1_500} labels after, {(alarm.label - 1_500) / A_DAY:.0f} days; a fit at {fit.rows} rows"
    )
    assert 0 < alarm.label - 1_500 <= ENOUGH_LABELS
    assert abs(alarm.change.event_time - 150 * DAY) <= 3 * DAY
    assert fit.cut_off_ms <= 180 * DAY


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_changes_for_200_days_nothing_is_asked_for(seed: int) -> None:
    few = Few(200, 200, seed)
    assert not [o for o in by_windows(few) if isinstance(o, RetrainRequest | DriftEvent)]
    assert not [d for d in by_label(few) if isinstance(d, Changed)]


def test_what_adds_up_is_kept_over_a_restart() -> None:
    few = Few(60 + TURNED_DAYS, 60, 1)
    assert by_windows(few, restart=True) == by_windows(few)


def test_an_alarm_that_needs_many_labels_is_told_once_though_it_is_looked_at_seldom() -> None:
    events = [e for e in by_windows(Few(400, 100, 2)) if isinstance(e, DriftEvent)]
    assert len({(e.detector, e.subject) for e in events}) == len(events)


def test_features_of_few_events_add_up_until_they_can_be_compared() -> None:
    few = Few(100, 100, 3)
    outcomes = []
    for p in range(PARTITIONS):
        logs = few.logs(p)
        for _, row in logs.rows["clean"]:
            row["c"] = "z" if row["at"] >= 50 * DAY else row["c"]
        outcomes += profiles_of(SPEC, logs, p)
    detector = Detector(SPEC, "c")
    detector.set_champion(published(), reference())
    found = [e for one in sorted(outcomes, key=lambda p: p.ended_at) for e in detector.apply(one, 0)]
    moved = next(e for e in found if isinstance(e, DriftEvent) and (e.detector, e.subject) == ("psi", "c"))
    assert moved.records >= 100 and moved.ended_at < 75 * DAY
    assert moved.ended_at - moved.started_at > 8 * DAY, "it says of which days"


def bucket_of(count: int, seed: int) -> ErrorBucket:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.1, 0.9, count)
    labels = rng.random(count) < scores
    return error_bins.buckets(error_bins.binary(labels.tolist(), scores.tolist(), [seed] * count))[0]


@given(st.lists(st.integers(1, 49), min_size=1, max_size=40))
def test_no_label_is_lost_where_small_buckets_add_up(counts: list[int]) -> None:
    remainder = BucketRemainder()
    given_back = []
    for seed, count in enumerate(counts):
        remainder = BucketRemainder(remainder.to_state())
        full = remainder.add(bucket_of(count, seed))
        given_back += [full] if full else []
    kept = remainder.to_state()
    assert sum(one.count for one in given_back) + (kept["count"] if kept else 0) == sum(counts)
    assert all(BUCKET <= one.count < BUCKET + 49 for one in given_back)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_errors_that_are_added_up_say_what_they_said_apart(counts: list[int]) -> None:
    errors = []
    for seed, count in enumerate(counts):
        scores = np.random.default_rng(seed).uniform(0.1, 0.9, count)
        labels = np.arange(count) % 2 == 0
        buckets = tuple(error_bins.buckets(error_bins.binary(labels.tolist(), scores.tolist(), [0] * count)))
        bins = [tuple(bin_counts(scores[labels == said]).tolist()) for said in (True, False)]
        errors.append(ErrorProfile(
            source="stream", version=1, arm="champion", count=count, buckets=buckets,
            positives=bins[0], negatives=bins[1],
        ))  # fmt: skip
    apart, together = Totals(errors), Totals([added_up(errors)])
    assert together.count == apart.count and together.auc == apart.auc
    assert together.metrics("binary") == pytest.approx(apart.metrics("binary"))
