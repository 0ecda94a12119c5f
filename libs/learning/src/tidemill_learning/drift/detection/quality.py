"""Whether a model still answers as well as it promised: its calibration since the last change, and its ranking.

Errors themselves swing with the hour and the weekday without any drift. What a calibrated model gets wrong
does not: y - p has mean 0 whatever the hour, because p knows the hour. So each bucket of 100 labels gives
two standardised residuals,

    Z = sum(y - p) / sqrt(sum p(1-p))                   calibration in the large
    S = sum((1-2p)(y-p)) / sqrt(sum (1-2p)^2 p(1-p))    Spiegelhalter: Statistics in Medicine 5, 1986

each with mean 0 and variance 1 for a calibrated model. An alarm wants three things: ADWIN's current regime
lies beyond chance, the effect is worth a retraining, and the window itself agrees (else it is one bad day).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.events.profiles import ErrorBucket, ErrorProfile
from tidemill.stats.roc_auc import roc_auc, roc_auc_error
from tidemill_learning.drift.detection.adding_up import BucketRemainder, added, added_up
from tidemill_learning.drift.detection.regime import LEAST, Regime
from tidemill_learning.drift.detection.shift_detectors import SIGMAS, DetectorResult
from tidemill_learning.drift.labels.error_bins import BUCKET, SUMS
from tidemill_learning.drift.profiling.baseline import Baseline

EFFECT = 0.1
"""Standard deviations of one label by which it must differ from what was expected, on average: where a quarter of the
labels are true, 4.3 points. On the flights, the control stays below 0.045 in every window; April is at 0.6.
"""

LEAST_IN_BUCKET = BUCKET // 2
"""Smaller remainders of a window add up before they are fed to ADWIN: they would weigh as much as full buckets."""

AUC_LOSS = 0.05
"""Loss of ROC AUC that is worth a retraining, if it is also beyond chance."""

ERROR_GROWTH = 1.25
"""Regression: growth of the root mean squared error that is worth a retraining."""

LEAST_LABELS = 500
"""Fewer labels than this say nothing about ranking: windows add up until there are so many."""

Counts = NDArray[np.int64]


class Totals:
    """Sums over buckets, and class counts per bin, of one version and arm in one merged window.

    `errors`: of one or more windows and partitions. `positives`, `negatives`: probabilities of true and of false labels
    by bin, shape [BINS], or [0] where there are no classes. Metrics have the names and units that training uses; ROC
    AUC is told from bins (Hanley, McNeil: Radiology 143, 1982).

    >>> from tidemill_learning.drift.labels.error_bins import binary, buckets
    >>> labels = binary([True, False, False, False], [0.75, 0.25, 0.25, 0.75], [1, 2, 3, 4])
    >>> errors = ErrorProfile(source="stream", version=1, arm="champion", count=4, buckets=tuple(buckets(labels)))
    >>> totals = Totals([errors, errors])  # of two partitions
    >>> totals.count, totals.metrics("binary")["brier"], totals.metrics("binary")["error_rate"]
    (8, 0.1875, 0.25)
    """

    def __init__(self, errors: Iterable[ErrorProfile]) -> None:
        errors = list(errors)
        buckets = [bucket for error in errors for bucket in error.buckets]
        self.sums = {name: math.fsum(getattr(bucket, name) for bucket in buckets) for name in SUMS}
        self.count = int(self.sums["count"])
        self.positives = added(error.positives for error in errors)
        self.negatives = added(error.negatives for error in errors)

    def __add__(self, other: Totals) -> Totals:
        """Of the windows of both."""
        both = Totals(())
        both.sums = {name: self.sums[name] + other.sums[name] for name in SUMS}
        both.count = self.count + other.count
        both.positives = added((self.positives, other.positives))
        both.negatives = added((self.negatives, other.negatives))
        return both

    @property
    def auc(self) -> float | None:
        """ROC AUC; None without classes, or with one."""
        return roc_auc(self.positives, self.negatives)

    @property
    def auc_error(self) -> float:
        """Its standard error."""
        return roc_auc_error(self.auc or 0.5, float(self.positives.sum()), float(self.negatives.sum()))

    def metrics(self, task: str) -> dict[str, float]:
        """Metrics under the names that training uses; what the labels do not define is left out.

        A window that corrects more than it brings may hold sums below 0: then it defines none.
        """
        n, sums = self.count, self.sums
        if n <= 0 or min(sums["squared"], sums["absolute"], sums["log_loss"]) < 0 or not 0 <= sums["wrong"] <= n:
            return {}
        if task == "regression":
            bias = (sums["outcome"] - sums["expected"]) / n
            return {"rmse": math.sqrt(sums["squared"] / n), "mae": sums["absolute"] / n, "bias": bias}
        metrics = {
            "log_loss": sums["log_loss"] / n,
            "accuracy": 1 - sums["wrong"] / n,
            "error_rate": sums["wrong"] / n,
        }
        if task == "binary":
            metrics["brier"] = sums["squared"] / n
        return metrics if self.auc is None else {**metrics, "roc_auc": self.auc}


class QualityWatch:
    """The champion's quality over time: calibration, Spiegelhalter's residual, ranking, growth of the error.

    `task`: binary, multiclass or regression. `baseline`: the version's reference, with its metrics on held-out rows.
    `state`: what `to_state` gave. Spiegelhalter: Statistics in Medicine 5, 1986; Hanley, McNeil: Radiology 143, 1982;
    Bifet, Gavaldà: SDM 2007.

    >>> from tidemill_learning.drift.labels.error_bins import binary, buckets
    >>> labels = binary([True, True, True, False, False] * 400, [0.2] * 2_000, range(2_000))
    >>> errors = ErrorProfile(source="stream", version=1, arm="champion", count=2_000, buckets=tuple(buckets(labels)))
    >>> watch = QualityWatch("binary", Baseline({"metrics": {}}))
    >>> results = watch.look([errors])
    >>> [(result.detector, result.subject) for result in results if result.alarm]
    [('adwin', 'calibration'), ('adwin', 'spiegelhalter')]
    """

    def __init__(self, task: str, baseline: Baseline, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._task = task
        self._baseline = baseline
        self._regimes = {name: Regime(state.get(name)) for name in ("calibration", "spiegelhalter")}
        self._remainder = BucketRemainder(state.get("remainder"))
        self._few = [ErrorProfile.from_dict(error) for error in state.get("few", ())]

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        found: dict[str, Any] = {name: regime.to_state() for name, regime in self._regimes.items()}
        return {**found, "remainder": self._remainder.to_state(), "few": [error.to_dict() for error in self._few]}

    def look(self, errors: Sequence[ErrorProfile]) -> list[DetectorResult]:
        """Take in the champion's errors of one merged window, in the order of time. Too few labels add up."""
        buckets = sorted((b for error in errors for b in error.buckets), key=lambda b: b.until)
        spread = None if self._task != "regression" else self._baseline.metrics.get("rmse")
        series = {name: [] for name in self._regimes}  # type: dict[str, list[float]]
        for bucket in buckets:
            full = self._full(bucket)
            for name, value in (_residuals(full, spread) if full else {}).items():
                series[name].append(value)
                self._regimes[name].add(value)
        totals = Totals(errors)
        results = [self._residual(name, series[name], totals) for name in series if series[name]]
        return results + self._of_many(errors)

    def _full(self, bucket: ErrorBucket) -> ErrorBucket | None:
        """The bucket, or what a small one makes with others; None while that is too little, and for corrections."""
        if bucket.count >= LEAST_IN_BUCKET:
            return bucket
        return self._remainder.add(bucket) if bucket.count else None

    def _of_many(self, errors: Sequence[ErrorProfile]) -> list[DetectorResult]:
        """What needs `LEAST_LABELS`, of the windows since it was last looked at."""
        together = [*self._few, *errors]
        totals = Totals(together)
        if totals.count < LEAST_LABELS:
            self._few = [added_up(together)]
            return []
        self._few = []
        return self._ranking(totals) + self._growth(totals)

    def _residual(self, name: str, values: list[float], totals: Totals) -> DetectorResult:
        regime = self._regimes[name]
        threshold = max(EFFECT * math.sqrt(BUCKET), SIGMAS / math.sqrt(max(1, regime.width)))
        window, now = math.fsum(values) / len(values), regime.mean
        agreed = min(abs(window), abs(now)) if window * now > 0 and regime.width >= LEAST else 0.0
        n = max(1, totals.count)
        seen, expected = totals.sums["outcome"] / n, totals.sums["expected"] / n
        since = f"so for the last {regime.width * BUCKET} labels"
        detail = f"mean outcome {seen:.3f} where {expected:.3f} was expected; {since}"
        return DetectorResult("quality", "adwin", name, agreed, threshold, totals.count, detail)

    def _ranking(self, totals: Totals) -> list[DetectorResult]:
        auc, reference = totals.auc, self._baseline.metrics.get("roc_auc")
        if self._task != "binary" or auc is None or reference is None:
            return []
        error = math.hypot(totals.auc_error, roc_auc_error(reference, *self._baseline.held_out))
        threshold = max(AUC_LOSS, SIGMAS * error)
        detail = f"{auc:.3f} where {reference:.3f} was measured after training"
        return [DetectorResult("quality", "hanley-mcneil", "roc_auc", reference - auc, threshold, totals.count, detail)]

    def _growth(self, totals: Totals) -> list[DetectorResult]:
        reference = self._baseline.metrics.get("rmse")
        if self._task != "regression" or not reference:
            return []
        rmse = totals.metrics(self._task).get("rmse")
        if rmse is None:
            return []
        detail = f"{rmse:.4g} where {reference:.4g} was measured after training"
        return [DetectorResult("quality", "error-growth", "rmse", rmse / reference, ERROR_GROWTH, totals.count, detail)]


def _residuals(bucket: ErrorBucket, spread: float | None) -> dict[str, float]:
    """Z and S of a bucket; for regression Z alone, against the error that was measured after training."""
    variance = bucket.variance if spread is None else bucket.count * spread**2
    residuals = {"calibration": _standardised(bucket.outcome - bucket.expected, variance)}
    if spread is None:
        residuals["spiegelhalter"] = _standardised(bucket.spiegelhalter, bucket.spiegelhalter_variance)
    return residuals


def _standardised(total: float, variance: float) -> float:
    return total / math.sqrt(variance) if variance > 0 else 0.0
