"""A version's training reference as bins, and windows counted into those bins.

Bins are fixed by the reference: tenths of a number's distribution, the reference's own categories. A window
reduced to counts per bin is small, and such counts add up over partitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.events.profiles import FeatureProfile, Profile, ScoreProfile
from tidemill.stats.score_bins import BINS, bin_ends, probability_bins
from tidemill.stats.sketch import Sketch

RARE = 0.005
"""Categories below this share of the reference are watched together: one by one they tell nothing but noise."""

Floats = NDArray[np.float64]
Counted = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A window against the reference, in counts that add up over partitions and windows.

    `observed` and `expected`: values by bin, arrays [bins] of the same sum. `nulls`: how many were null;
    `reference_nulls` is a share. `reference_count`: how many values the reference rests on. What is made of it:
    `shift_detectors.psi` (Siddiqi: Credit Risk Scorecards, 2006).

    >>> one = Comparison(np.array([30.0, 70.0]), np.array([50.0, 50.0]), 2, reference_nulls=0.01, reference_count=900)
    >>> both = one + Comparison(np.array([20.0, 0.0]), np.array([10.0, 10.0]), 1, 0.01, 900)
    >>> both.observed.tolist(), both.count, both.nulls
    ([50.0, 70.0], 120, 3)
    """

    observed: Floats
    expected: Floats
    nulls: int
    reference_nulls: float
    reference_count: int

    @property
    def count(self) -> int:
        """Values that are not null."""
        return int(self.observed.sum())

    def __add__(self, other: Comparison) -> Comparison:
        observed, expected = self.observed + other.observed, self.expected + other.expected
        return Comparison(observed, expected, self.nulls + other.nulls, self.reference_nulls, self.reference_count)

    def to_state(self) -> Counted:
        """Plain JSON."""
        return {
            "observed": self.observed.tolist(), "expected": self.expected.tolist(), "nulls": self.nulls,
            "reference_nulls": self.reference_nulls, "reference_count": self.reference_count,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Comparison:
        """From `to_state`."""
        return cls(**{**state, "observed": np.array(state["observed"]), "expected": np.array(state["expected"])})


class Baseline:
    """The document reference.json of one version (see `tidemill_learning.reference`), and what is held against it.

    Bins of a number are tenths of what the version learned from (percentiles, with straight lines between them), as is
    usual for a stability index (Siddiqi: Credit Risk Scorecards, 2006); of a category its values, rare ones together.

    >>> baseline = Baseline({"predictions": {"shares": {"yes": 0.75, "no": 0.25}, "count": 1_000}})
    >>> said = ScoreProfile(source="stream", version=1, arm="champion", count=8, classes={"yes": 2, "no": 5, "?": 1})
    >>> compared = baseline.scores(said)
    >>> compared.observed.tolist(), compared.expected.tolist()  # no, yes, all others
    ([5.0, 2.0, 1.0], [2.0, 6.0, 0.0])
    """

    def __init__(self, reference: Mapping[str, Any]) -> None:
        self._reference = reference

    @property
    def document(self) -> Mapping[str, Any]:
        """The document itself."""
        return self._reference

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics on rows that the version was not fitted on."""
        return {name: float(value) for name, value in self._reference["metrics"].items()}

    @property
    def held_out(self) -> tuple[float, float]:
        """How many positives and negatives the binary metrics rest on, as far as the reference tells."""
        rows = float(self._reference.get("held_out_rows", self._reference["rows"]))
        positives = rows * float(self._reference["predictions"].get("mean", 0.5))
        return positives, rows - positives

    @property
    def classes(self) -> frozenset[str]:
        """The classes that the version knows; none of another task."""
        return frozenset(self._reference["predictions"].get("shares", {}))

    def categories(self, feature: str) -> frozenset[str] | None:
        """All values of a category that the version learned from; None where they are too many to be named, and of
        numbers.
        """
        known = self._reference["features"].get(feature, {})
        return frozenset(known["counts"]) if known.get("kind") == "category" and not known["other"] else None

    def features(self, profile: Profile) -> dict[str, Comparison]:
        """The features of a profile of kind features, by name; what the reference does not know is left out."""
        known = self._reference["features"]
        return {f.name: self.feature(f) for f in profile.features if f.name in known}

    def scores(self, score: ScoreProfile) -> Comparison | None:
        """What one version predicted, against the held-out predictions; None where there is nothing to compare."""
        predictions = self._reference["predictions"]
        if score.classes:
            return _categories(predictions["shares"], score.classes, 0, int(predictions["count"]))
        quantiles = np.array(predictions.get("quantiles", []), dtype=np.float64)
        if not len(quantiles):
            return None
        count = int(predictions.get("count", self._reference.get("held_out_rows", self._reference["rows"])))
        if score.sketch is not None:
            return _numbers(quantiles, Sketch.from_datum(score.sketch.to_dict()), 0, 0.0, count)
        return _probabilities(quantiles, np.array(score.bins, dtype=np.float64), count)

    def feature(self, feature: FeatureProfile) -> Comparison:
        """One feature, which the reference must know."""
        known = self._reference["features"][feature.name]
        nulls, share = feature.nulls, float(known.get("nulls", 0.0))
        rows = int(known.get("count", self._reference["rows"]))
        values = round(rows * (1 - share))
        if known["kind"] == "category":
            total = max(1, sum(known["counts"].values()) + known["other"])
            shares = {name: count / total for name, count in known["counts"].items()}
            base = _categories(shares, feature.categories, feature.other, values)
        else:
            quantiles = np.array(known["quantiles"], dtype=np.float64)
            sketch = Sketch.from_datum(feature.sketch.to_dict()) if feature.sketch is not None else Sketch()
            base = _numbers(quantiles, sketch, nulls, share, values)
        return Comparison(base.observed, base.expected, nulls, share, rows)


def _tenths(quantiles: Floats) -> Floats:
    """The limits between tenths, without repeats; around the value where there is only one; none where
    there is none.
    """
    if not len(quantiles):
        return quantiles
    if quantiles[0] == quantiles[-1]:
        return np.array([quantiles[0] - max(abs(quantiles[0]) * 0.01, 1e-6), quantiles[0]])
    limits = np.unique(np.quantile(quantiles, np.linspace(0.1, 0.9, 9), method="lower"))
    below: Floats = limits[limits < quantiles[-1]]
    return below


def _share_up_to(quantiles: Floats, limits: Floats) -> Floats:
    """The reference's share of values at most each limit, between the percentiles by straight lines."""
    last = len(quantiles) - 1
    at = np.searchsorted(quantiles, limits, side="right")
    low, high = quantiles[np.clip(at - 1, 0, last)], quantiles[np.clip(at, 0, last)]
    within = np.where(high > low, (limits - low) / np.where(high > low, high - low, 1.0), 0.0)
    return np.clip((at - 1 + within) / last, 0.0, 1.0)


def _numbers(quantiles: Floats, sketch: Sketch, nulls: int, share: float, count: int) -> Comparison:
    below, used = sketch.below(_tenths(quantiles))
    return _binned(
        below.astype(np.float64),
        _share_up_to(quantiles, used) if len(used) else used,
        sketch.count,
        nulls,
        share,
        count,
    )


def _probabilities(quantiles: Floats, bins: Floats, count: int) -> Comparison:
    limits = np.unique(probability_bins(_tenths(quantiles)))
    limits = limits[limits < BINS - 1]
    below = np.cumsum(bins)[limits]
    return _binned(below, _share_up_to(quantiles, bin_ends(limits)), int(bins.sum()), 0, 0.0, count)


def _binned(below: Floats, shares: Floats, total: int, nulls: int, null_share: float, count: int) -> Comparison:
    observed = np.diff(np.concatenate(([0.0], below, [float(total)])))
    expected = np.diff(np.concatenate(([0.0], shares, [1.0]))) * total
    return Comparison(observed, expected, nulls, null_share, count)


def _categories(shares: Mapping[str, float], counts: Mapping[str, int], other: int, count: int) -> Comparison:
    watched = sorted(name for name, share in shares.items() if share >= RARE)
    seen = [float(counts.get(name, 0)) for name in watched]
    total = float(sum(counts.values()) + other)
    observed = np.array([*seen, total - sum(seen)])
    parts = [shares[name] for name in watched]
    return Comparison(observed, np.array([*parts, max(0.0, 1 - sum(parts))]) * total, 0, 0.0, count)
