"""What was predicted, added up over windows: probabilities by bin, classes by count, values in a sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.events.profiles import ScoreProfile
from tidemill.stats.confidence import bin_middles, expected_accuracy, expected_roc_auc
from tidemill.stats.sketch import Sketch
from tidemill.stats.two_samples import chi_square
from tidemill_learning.drift.profiling.baseline import Baseline
from tidemill_learning.drift.report.feature_shifts import QUARTILES, SampleTest, psi_of

Bins = NDArray[np.int64]
NONE: Bins = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Scores:
    """Predictions of some windows. `bins`: probabilities by bin of log-odds, shape [BINS], or [0] without any."""

    count: int
    bins: Bins = field(default_factory=lambda: NONE)
    classes: Mapping[str, int] = field(default_factory=dict)
    sketch: Sketch | None = None

    @classmethod
    def of(cls, profile: ScoreProfile) -> Scores:
        """Those of one profile."""
        sketch = None if profile.sketch is None else Sketch.from_datum(profile.sketch.to_dict())
        return cls(profile.count, np.array(profile.bins, dtype=np.int64), dict(profile.classes), sketch)

    def __add__(self, other: Scores) -> Scores:
        bins = self.bins + other.bins if len(self.bins) and len(other.bins) else max(self.bins, other.bins, key=len)
        names = {**self.classes, **other.classes}
        classes = {name: self.classes.get(name, 0) + other.classes.get(name, 0) for name in names}
        return Scores(self.count + other.count, bins, classes, _both(self.sketch, other.sketch))

    @property
    def summary(self) -> dict[str, float]:
        """Mean and quantiles of probabilities (by the middles of their bins), quantiles of values, or shares of
        classes, the most frequent first.

        >>> from tidemill.stats.score_bins import bin_counts
        >>> summary = Scores(4, bin_counts(np.array([0.1, 0.2, 0.2, 0.9]))).summary
        >>> round(summary["mean"], 1), round(summary["50%"], 1)
        (0.3, 0.2)
        """
        if len(self.bins):
            return _of_bins(self.bins)
        if self.sketch is not None:
            return {f"{q:.0%}": self.sketch.quantile(q) for q in QUARTILES} if self.sketch.count else {}
        ordered = sorted(self.classes.items(), key=lambda entry: (-entry[1], entry[0]))
        return {name: count / max(1, self.count) for name, count in ordered}

    def promised(self, threshold: float) -> dict[str, float]:
        """Accuracy (of decisions at `threshold`) and ROC AUC that a calibrated model's probabilities promise; of
        classes and values nothing is known.
        """
        if not len(self.bins):
            return {}
        found = {"accuracy": expected_accuracy(self.bins, threshold), "roc_auc": expected_roc_auc(self.bins)}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ScoreShift:
    """A version's newest predictions against those that training had held out. `then` has what the reference tells of
    the same (see `Scores.summary`).
    """

    count: int
    psi: float | None
    test: SampleTest | None
    then: Mapping[str, float]
    now: Mapping[str, float]


def score_shift(reference: Mapping[str, Any], now: ScoreProfile) -> ScoreShift:
    """What a version predicts now, against the reference document's held-out predictions."""
    compared = Baseline(reference).scores(now)
    test = None
    if compared is not None and compared.count and compared.reference_count:
        found = chi_square(compared.observed, compared.expected / compared.count * compared.reference_count)
        test = SampleTest("chi-square", *found, adjusted=found[1])
    psi = None if compared is None else psi_of(compared)
    return ScoreShift(now.count, psi, test, _then(reference["predictions"]), Scores.of(now).summary)


def merged_scores(one: ScoreProfile, other: ScoreProfile) -> ScoreProfile:
    """The profiles of two windows as one."""
    both = Scores.of(one) + Scores.of(other)
    sketch = one.sketch or other.sketch
    if sketch is not None and both.sketch is not None:
        sketch = type(sketch).from_dict(both.sketch.to_datum())
    return ScoreProfile(
        source=one.source, version=one.version, arm=one.arm, count=both.count, bins=tuple(both.bins.tolist()),
        classes=both.classes, sketch=sketch,
    )  # fmt: skip


def _then(predictions: Mapping[str, Any]) -> dict[str, float]:
    if "shares" in predictions:
        return dict(sorted(predictions["shares"].items(), key=lambda entry: (-entry[1], entry[0])))
    quantiles = predictions.get("quantiles", [])
    if not len(quantiles):
        return {}
    mean = {"mean": float(predictions["mean"])} if "mean" in predictions else {}
    return {**mean, **{f"{q:.0%}": float(np.quantile(quantiles, q)) for q in QUARTILES}}


def _of_bins(bins: Bins) -> dict[str, float]:
    total = int(bins.sum())
    if not total:
        return {}
    middles, upto = bin_middles(), np.cumsum(bins)
    places = np.searchsorted(upto, [q * (total - 1) for q in QUARTILES], side="right")
    quantiles = {f"{q:.0%}": float(middles[at]) for q, at in zip(QUARTILES, places, strict=True)}
    return {"mean": float((bins * middles).sum()) / total, **quantiles}


def _both(one: Sketch | None, other: Sketch | None) -> Sketch | None:
    if one is None or other is None:
        return one or other
    both = Sketch.from_datum(one.to_datum())
    both.merge(other)
    return both
