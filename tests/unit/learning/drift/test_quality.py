"""Quality alarms: none for a calibrated model however the base rate swings, soon for one that has become wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.unit.learning.drift.streams import reference
from tidemill.contracts.events.profiles import ErrorProfile
from tidemill.stats.score_bins import bin_counts
from tidemill_learning.drift.detection.quality import QualityWatch, Totals
from tidemill_learning.drift.detection.regime import LONGEST, Regime
from tidemill_learning.drift.labels import error_bins
from tidemill_learning.drift.profiling.baseline import Baseline

WINDOW = 1_000


def window(rng: np.random.Generator, scores: Any, chances: Any, number: int = 0) -> ErrorProfile:
    labels = rng.random(len(scores)) < chances
    outcomes = error_bins.binary(labels.tolist(), scores.tolist(), [number * WINDOW + n for n in range(len(scores))])
    return errors_of(outcomes, bin_counts(scores[labels]).tolist(), bin_counts(scores[~labels]).tolist())


def errors_of(
    outcomes: error_bins.Outcomes, positives: Sequence[int] = (), negatives: Sequence[int] = ()
) -> ErrorProfile:
    return ErrorProfile(
        source="stream", version=1, arm="champion", count=len(outcomes), buckets=tuple(error_bins.buckets(outcomes)),
        positives=tuple(positives), negatives=tuple(negatives),
    )  # fmt: skip


def watch(auc: float = 0.5, state: Any = None) -> QualityWatch:
    return QualityWatch("binary", Baseline(reference({"roc_auc": auc})), state)


@pytest.mark.parametrize("seed", range(6))
def test_a_calibrated_model_is_quiet_for_a_hundred_windows_of_day_and_night(seed: int) -> None:
    rng, watched = np.random.default_rng(seed), watch(auc=0.6)
    for number in range(100):
        hour = np.arange(WINDOW) % 240 / 240
        scores = np.clip(0.25 + 0.2 * np.sin(2 * np.pi * hour) + rng.normal(0, 0.03, WINDOW), 0.02, 0.9)
        findings = watched.look([window(rng, scores, scores, number)])
        assert not [f for f in findings if f.alarm], findings


def test_outcomes_that_become_more_frequent_are_found_two_windows_later() -> None:
    rng, watched = np.random.default_rng(0), watch()
    found = []
    for number in range(12):
        scores = rng.uniform(0.1, 0.4, WINDOW)
        chances = scores + (0.15 if number >= 8 else 0.0)
        found.append({f.subject for f in watched.look([window(rng, scores, chances, number)]) if f.alarm})
    assert not set().union(*found[:8])
    assert "calibration" in found[10]


def test_one_bad_bucket_is_no_alarm() -> None:
    rng, watched = np.random.default_rng(1), watch()
    for number in range(10):
        scores = rng.uniform(0.1, 0.4, WINDOW)
        chances = scores.copy()
        if number == 6:
            chances[300:400] = 1.0
        findings = watched.look([window(rng, scores, chances, number)])
        assert not [f for f in findings if f.alarm and f.detector == "adwin"]


def test_a_model_that_no_longer_ranks_is_found_though_it_is_calibrated_in_the_large() -> None:
    rng, watched = np.random.default_rng(2), watch(auc=0.75)
    scores = rng.uniform(0.05, 0.45, 4_000)
    findings = {f.subject: f for f in watched.look([window(rng, scores, np.full(4_000, 0.25))])}
    assert findings["roc_auc"].alarm
    assert not findings["calibration"].alarm


def test_state_goes_on_as_if_nothing_had_happened() -> None:
    rng = np.random.default_rng(3)
    scores = [rng.uniform(0.1, 0.4, WINDOW) for _ in range(30)]
    windows = [window(rng, s, s + (0.1 if n > 20 else 0.0), n) for n, s in enumerate(scores)]
    unbroken, broken = watch(), watch()
    for each in windows:
        broken = watch(state=broken.to_state())
        assert broken.look([each]) == unbroken.look([each])


def test_regression_notices_bias_and_growing_errors() -> None:
    rng = np.random.default_rng(4)
    baseline = Baseline({**reference(), "metrics": {"rmse": 2.0}})

    def look(bias: float, spread: float) -> set[str]:
        watched = QualityWatch("regression", baseline)
        truth = rng.normal(50, 10, 2_000)
        guess = truth - bias + rng.normal(0, spread, 2_000)
        outcomes = error_bins.regression(truth.tolist(), guess.tolist(), list(range(2_000)))
        return {f.subject for f in watched.look([errors_of(outcomes)]) if f.alarm}

    assert look(0.0, 2.0) == set()
    assert look(0.8, 2.0) == {"calibration"}
    assert look(0.0, 3.0) == {"rmse"}


def test_metrics_are_named_as_in_training() -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(0.1, 0.9, 2_000)
    metrics = Totals([window(rng, scores, scores)]).metrics("binary")
    assert set(metrics) == {"log_loss", "accuracy", "error_rate", "brier", "roc_auc"}
    assert metrics["accuracy"] + metrics["error_rate"] == pytest.approx(1)


def test_a_regime_remembers_no_more_than_it_may() -> None:
    regime = Regime()
    for n in range(LONGEST + 500):
        regime.add(float(n % 2))
    assert len(regime.to_state()["values"]) <= LONGEST
    assert regime.mean == pytest.approx(0.5, abs=0.01)
