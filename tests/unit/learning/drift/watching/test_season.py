"""Season is no drift: a stream that is stationary but for the hour, the weekday or the month asks for no retraining,
and one that changes does, though nobody watches its quality. Seeded; `pytest -s` shows counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.unit.learning.drift.streams import HOUR, model, published
from tidemill.contracts.events.platform import DriftEvent, RetrainRequest
from tidemill.contracts.events.profiles import FeatureProfile, Profile, ScoreProfile
from tidemill.contracts.events.profiles import Sketch as SketchCounts
from tidemill.stats.score_bins import bin_counts
from tidemill.stats.sketch import Sketch
from tidemill_learning.drift.detection.detector import Detector, Outcome
from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import Answers, Changed, Decision, LabelledRows, LabelTime

DAY = 24 * HOUR
UNWATCHED: list[Any] = [("features",), ("features", "predictions"), ("predictions",)]
PATTERNS = ["weekly", "daily", "weekday", "sleeps"]


class World:
    """`a_day` events a day whose shops and load follow the season; `turned`: from that day on it is another world.

    The label follows load and shop by one rule, whatever the hour, so there is nothing to learn anew.
    """

    def __init__(self, pattern: str, days: int, a_day: int, *, turned: int | None = None, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.time = np.sort(rng.integers(0, days * DAY, days * a_day)).astype(np.int64)
        day, hour = self.time // DAY, self.time % DAY // HOUR
        if pattern == "sleeps":  # nobody is there at night, and few at weekends
            there = (hour >= 7) & (hour < 20) & ((day % 7 < 5) | (rng.random(len(day)) < 0.2))
            self.time, day, hour = self.time[there], day[there], hour[there]
        off = {
            "weekly": day % 7 >= 5,
            "daily": (hour < 8) | (hour >= 20),
            "weekday": day % 7 == 0,
            "monthly": day % 30 >= 26,
            "sleeps": (hour >= 18) | (day % 7 >= 5),
        }[pattern]
        n = len(self.time)
        self.load = rng.normal(np.where(off, 2.0, 5.0), 1.0)
        self.shop = np.where(off, rng.choice(3, n, p=[0.05, 0.15, 0.8]), rng.choice(3, n, p=[0.6, 0.3, 0.1]))
        if turned is not None:
            self.load = np.where(day >= turned, rng.normal(9.0, 1.0, n), self.load)
            self.shop = np.where(day >= turned, 1, self.shop)
        self.score = 1 / (1 + np.exp(-(self.load - 3.5 - 0.5 * (self.shop == 2))))
        self.label = (rng.random(n) < self.score).astype(np.int64)

    def profiles(self, window: int | timedelta) -> list[Profile]:
        """One partition's, of features and of predictions, in the order of their end."""
        if isinstance(window, timedelta):
            number = self.time // (window // timedelta(milliseconds=1))
        else:
            number = np.arange(len(self.time)) // window
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        found = []
        for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(number)], strict=True):
            found += self._window(begin, end, int(number[begin]))
        return found

    def reference(self, days: int) -> dict[str, Any]:
        """Of a version that learned from the first days."""
        known = self.time < days * DAY
        steps, count = np.linspace(0, 1, 101), int(known.sum())
        shops = dict(zip("abc", np.bincount(self.shop[known], minlength=3).tolist(), strict=True))
        loads = np.quantile(self.load[known], steps).tolist()
        return {
            "features": {
                "x": {"kind": "number", "quantiles": loads, "nulls": 0.0, "count": count},
                "c": {"kind": "category", "counts": shops, "other": 0, "nulls": 0.0, "count": count},
            },
            "predictions": {"quantiles": np.quantile(self.score[known], steps).tolist(), "mean": 0.5, "count": count},
            "metrics": {"roc_auc": 0.8}, "rows": count, "held_out_rows": count,
        }  # fmt: skip

    def _window(self, begin: int, end: int, number: int) -> list[Profile]:
        sketch, shops = Sketch(), np.bincount(self.shop[begin:end], minlength=3).tolist()
        sketch.add(self.load[begin:end])
        count = end - begin
        place: dict[str, Any] = {
            "model": "m", "partition": 0, "window": number, "records": count,
            "first_offset": begin, "last_offset": end - 1,
            "started_at": int(self.time[begin]), "ended_at": int(self.time[end - 1]),
        }  # fmt: skip
        counts = {name: seen for name, seen in zip("abc", shops, strict=True) if seen}
        features = (
            FeatureProfile(name="x", count=count, nulls=0, sketch=SketchCounts.from_dict(sketch.to_datum())),
            FeatureProfile(name="c", count=count, nulls=0, categories=counts),
        )
        bins = tuple(bin_counts(self.score[begin:end]).tolist())
        scores = (ScoreProfile(source="stream", version=1, arm="champion", count=count, bins=bins),)
        return [
            Profile(profile_id=f"f{number}", kind="features", topic="c", features=features, **place),
            Profile(profile_id=f"p{number}", kind="predictions", topic="p", scores=scores, **place),
        ]


def outcomes_of(world: World, watch: Any, window: int | timedelta, restart: bool = False) -> list[Outcome]:
    spec, told = model(window=window, watch=watch), world.reference(14)
    detector = Detector(spec, "c")
    detector.set_champion(published(partitions=1), told)
    found: list[Outcome] = []
    for profile in world.profiles(window):
        if profile.started_at < 14 * DAY:
            continue
        if restart:
            detector = Detector(spec, "c", detector.to_bytes())
            detector.set_champion(published(partitions=1), told)
        found += detector.apply(profile, 0)
    return found


def requests(outcomes: Sequence[Outcome]) -> list[RetrainRequest]:
    return [one for one in outcomes if isinstance(one, RetrainRequest)]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("window", [300, 1_000, timedelta(hours=6)], ids=str)
def test_a_season_asks_for_nothing_in_100_days_though_no_quality_is_watched(pattern: str, window: Any) -> None:
    world = World(pattern, 114, 900)
    for watch in (("features",), ("predictions",)):
        outcomes = outcomes_of(world, watch, window)
        asked = requests(outcomes)
        print(f"{pattern}, {window}, {watch}: {len(asked)} requests in {len(world.time):,} rows")
        assert asked == []


def test_by_the_week_the_season_is_seen_and_would_have_asked() -> None:
    """The reference alone takes every weekend for drift: it is told, and is what the season is there for."""
    outcomes = outcomes_of(World("weekly", 60, 400), ("features",), timedelta(hours=6))
    assert len([one for one in outcomes if isinstance(one, DriftEvent)]) > 5


@pytest.mark.parametrize("pattern", ["weekly", "daily"])
@pytest.mark.parametrize("watch", UNWATCHED, ids=str)
def test_another_world_within_a_season_is_asked_about_soon(pattern: str, watch: Any) -> None:
    world = World(pattern, 60, 900, turned=40)
    asked = requests(outcomes_of(world, watch, timedelta(hours=6)))
    rows = int(np.searchsorted(world.time, asked[0].event_time) - np.searchsorted(world.time, 40 * DAY))
    print(f"{pattern}, {watch}: asked {rows} rows after it")
    assert 0 < rows <= 1_000


def test_another_world_in_the_first_week_of_a_version_is_asked_about_when_a_week_is_known() -> None:
    world = World("weekly", 40, 900, turned=16)
    asked = requests(outcomes_of(world, ("predictions",), timedelta(hours=6)))
    assert 20 * DAY < asked[0].event_time < 24 * DAY


def test_what_is_usual_is_kept_over_a_restart() -> None:
    world = World("weekly", 45, 300, turned=38)
    assert outcomes_of(world, ("features",), 200, restart=True) == outcomes_of(world, ("features",), 200)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_where_quality_is_watched_a_season_asks_for_nothing(pattern: str) -> None:
    assert requests(outcomes_of(World(pattern, 50, 400), ("features", "predictions", "quality"), 300)) == []


@pytest.mark.parametrize("pattern", ["weekly", "daily", "monthly"])
def test_label_time_finds_no_change_in_a_season_and_releases_no_equal_challenger(pattern: str) -> None:
    """More than 100,000 rows in all: every fit gives a version that answers as the first does, but for noise."""
    world, said = World(pattern, 100, 350, seed=3), list[Decision]()
    loop, at, rng = LabelTime("binary", 2_000, Budget()), 0, np.random.default_rng(8)
    logit = np.log(world.score / (1 - world.score))
    models: dict[int, np.ndarray] = {}
    while at < len(world.time):
        end = min(at + 5_000, len(world.time))
        rows = LabelledRows(world.label[at:end], world.time[at:end], [Place(int(time)) for time in world.time[at:end]])
        taken, decisions = loop.learn(rows, {v: Answers(models[v][at:end]) for v in loop.versions})
        said += decisions
        at += taken
        if loop.awaits:
            models[len(models) + 1] = 1 / (1 + np.exp(-(logit + rng.normal(0, 0.1, len(logit)))))
            taken_over = loop.fitted(len(models))
            said += [taken_over] if taken_over else []
    kinds = [type(one).__name__ for one in said]
    print(f"{pattern}: {kinds.count('Changed')} alarms, {kinds.count('FitDue')} fits in {len(world.time):,} rows")
    assert not [one for one in said if isinstance(one, Changed)]
    assert kinds.count("Takeover") == 1, "the first version alone"
