"""Windows against the training reference: silent where nothing changed, loud where something did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.unit.learning.drift.streams import reference
from tidemill.contracts.events.platform import Sketch as SketchCounts
from tidemill.contracts.events.profiles import FeatureProfile, Profile, ScoreProfile
from tidemill.stats.score_bins import bin_counts
from tidemill.stats.sketch import Sketch
from tidemill_learning.drift.detection.shift_detectors import psi, psi_noise, shift
from tidemill_learning.drift.profiling.baseline import Baseline, Comparison


def number(values: np.ndarray[Any, Any], nulls: int = 0) -> FeatureProfile:
    sketch = Sketch()
    sketch.add(values)
    return FeatureProfile(name="x", count=len(values), nulls=nulls, sketch=SketchCounts.from_dict(sketch.to_datum()))


def category(**counts: int) -> FeatureProfile:
    return FeatureProfile(name="c", count=sum(counts.values()), nulls=0, categories=counts)


def compared(*features: FeatureProfile, document: Mapping[str, Any] | None = None) -> dict[str, Comparison]:
    profile = Profile(
        profile_id="p", model="m", kind="features", partition=0, window=0, topic="t", first_offset=0, last_offset=1,
        records=2, started_at=0, ended_at=1, features=features,
    )  # fmt: skip
    return Baseline(document or reference()).features(profile)


def score(**told: Any) -> ScoreProfile:
    return ScoreProfile(source="stream", version=1, arm="champion", count=1_000, **told)


def alarms(kind: Any, subject: str, comparison: Comparison) -> set[str]:
    return {finding.detector for finding in shift(kind, subject, comparison) if finding.alarm}


def test_the_same_distribution_raises_nothing_even_in_small_windows() -> None:
    rng = np.random.default_rng(0)
    for size in (100, 300, 1_000, 5_000):
        for _ in range(50):
            assert not alarms("feature", "x", compared(number(rng.normal(100, 5, size)))["x"])
            ones = int(rng.binomial(size, 0.3))
            assert not alarms("feature", "c", compared(category(a=size - ones, b=ones))["c"])


def test_a_shift_of_one_standard_deviation_is_found() -> None:
    values = np.random.default_rng(1).normal(105, 5, 1_000)
    assert alarms("feature", "x", compared(number(values))["x"]) == {"psi"}


def test_a_category_never_seen_is_found() -> None:
    assert alarms("feature", "c", compared(category(a=500, b=250, z=250))["c"]) == {"psi"}


def test_nulls_that_appear_are_found() -> None:
    values = np.random.default_rng(2).normal(100, 5, 800)
    assert alarms("feature", "x", compared(number(values, nulls=200))["x"]) == {"nulls"}


def test_a_constant_that_changes_is_found() -> None:
    document = reference()
    document["features"]["x"]["quantiles"] = [0.0] * 101
    comparison = compared(number(np.full(500, 3.0)), document=document)["x"]
    assert alarms("feature", "x", comparison) == {"psi"}


def test_partitions_add_up_to_the_whole() -> None:
    values = np.random.default_rng(3).normal(101, 6, 2_000)
    parts = compared(number(values[:700]))["x"] + compared(number(values[700:]))["x"]
    assert psi(parts) == pytest.approx(psi(compared(number(values))["x"]), abs=0.01)
    assert Comparison.from_state(parts.to_state()).to_state() == parts.to_state()


def test_scores_are_compared_with_held_out_scores() -> None:
    baseline, rng = Baseline(reference()), np.random.default_rng(4)
    for low, high, expected in ((0.1, 0.4, set()), (0.3, 0.7, {"psi"})):
        bins = bin_counts(rng.uniform(low, high, 3_000)).tolist()
        comparison = baseline.scores(score(bins=tuple(bins)))
        assert comparison is not None
        assert alarms("prediction", "score", comparison) == expected


def test_predicted_classes_are_compared_with_their_shares() -> None:
    document = reference()
    document["predictions"] = {"shares": {"a": 0.5, "b": 0.5}, "count": 1_000}
    comparison = Baseline(document).scores(score(classes={"a": 950, "b": 50}))
    assert comparison is not None
    assert alarms("prediction", "score", comparison) == {"psi"}


def test_chance_stays_below_the_bound_on_chance() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        drawn = [rng.multinomial(n, [0.1] * 10).astype(float) for n in (400, 800)]
        comparison = Comparison(drawn[0], drawn[1] / 2, 0, 0.0, 800)
        assert psi(comparison) < psi_noise(10, 400, 800)
