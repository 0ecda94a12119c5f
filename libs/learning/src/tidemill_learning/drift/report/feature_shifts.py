"""Each feature then and now: what a version learned from against the newest windows, all features tested together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.contracts.events.profiles import FeatureProfile
from tidemill.stats.many_tests import adjusted
from tidemill.stats.sketch import Sketch
from tidemill.stats.two_samples import chi_square, kolmogorov_tail
from tidemill_learning.drift.detection.shift_detectors import NULLS_MOVED, SHIFTED, psi
from tidemill_learning.drift.profiling.baseline import Baseline, Comparison

Floats = NDArray[np.float64]
QUARTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_SHOWN = 12
"""Categories that are told one by one, the most frequent ones."""
SOME = 0.1
"""PSI from which something has moved, `SHIFTED` from which it counts (Siddiqi: Credit Risk Scorecards, 2006)."""
LEVEL = 0.05
"""Adjusted p-value below which something is more than chance."""


@dataclass(frozen=True, slots=True)
class SampleTest:
    """`name`: chi-square (`statistic`: its own) or kolmogorov-smirnov (the greatest difference of the distribution
    functions). `p`: of this test alone; `adjusted`: among all tests of the report (Benjamini, Hochberg).
    """

    name: str
    statistic: float
    p: float
    adjusted: float = 1.0


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """`psi`: None where a side has no values, or the version learned from one value alone. `then`, `now`: of a number
    its 5, 25, 50, 75 and 95 % quantiles; of a category the shares of its most frequent values. `values`: the test of
    what is not null, `nulls`: of the shares of nulls. `count`: values now that are not null.
    """

    name: str
    kind: str
    count: int
    psi: float | None
    values: SampleTest | None
    nulls: SampleTest | None
    nulls_then: float
    nulls_now: float
    then: Mapping[str, float]
    now: Mapping[str, float]

    @property
    def adjusted(self) -> float:
        """The smaller of the adjusted p-values."""
        return min((test.adjusted for test in (self.values, self.nulls) if test is not None), default=1.0)

    @property
    def level(self) -> str:
        """`shifted`, `some` or `steady`: by PSI, where it is more than chance; a share of nulls that is another beyond
        chance is `some`, by ten points `shifted`.
        """
        nulls = self.nulls is not None and self.nulls.adjusted < LEVEL
        by_values = self.psi if self.psi is not None and self.values and self.values.adjusted < LEVEL else 0.0
        moved = abs(self.nulls_now - self.nulls_then) if nulls else 0.0
        if by_values >= SHIFTED or moved >= NULLS_MOVED:
            return "shifted"
        return "some" if by_values >= SOME or nulls else "steady"


def merged(profiles: Iterable[FeatureProfile]) -> dict[str, FeatureProfile]:
    """The profiles of windows and partitions as one for each feature."""
    found: dict[str, FeatureProfile] = {}
    for one in profiles:
        held = found.get(one.name)
        found[one.name] = one if held is None else _both(held, one)
    return found


def feature_shifts(reference: Mapping[str, Any], now: Mapping[str, FeatureProfile]) -> list[FeatureShift]:
    """Every feature that the reference document knows and of which there are values now, the most moved first.

    Numbers are held against the reference's percentiles by the Kolmogorov-Smirnov distance, categories against its
    counts by chi-square (rare values together), shares of nulls by chi-square. All p-values of the report are adjusted
    together.

    >>> reference = {"rows": 1_000, "features": {
    ...     "region": {"kind": "category", "counts": {"north": 900, "south": 100}, "other": 0, "nulls": 0.0}}}
    >>> now = FeatureProfile(name="region", count=500, nulls=0, categories={"north": 100, "south": 400})
    >>> (shift,) = feature_shifts(reference, {"region": now})
    >>> round(shift.psi, 2), shift.values.name, shift.values.adjusted < 1e-9, shift.nulls.p
    (2.5, 'chi-square', True, 1.0)
    """
    baseline = Baseline(reference)
    known = reference["features"]
    shifts = [_shift(known[name], profile, baseline.feature(profile)) for name, profile in now.items() if name in known]
    tests = [test for shift in shifts for test in (shift.values, shift.nulls) if test is not None]
    told = iter(adjusted([test.p for test in tests]))
    shifts = [
        replace(
            shift,
            values=None if shift.values is None else replace(shift.values, adjusted=next(told)),
            nulls=None if shift.nulls is None else replace(shift.nulls, adjusted=next(told)),
        )
        for shift in shifts
    ]
    levels = ("shifted", "some", "steady")
    return sorted(shifts, key=lambda shift: (levels.index(shift.level), -(shift.psi or 0.0), shift.name))


def distance(percentiles: Floats, count: int, now: Sketch) -> float:
    """The least Kolmogorov-Smirnov distance, 0 to 1, of the values in a sketch from `count` values of which only these
    percentiles (ascending) are known.

    Between two percentiles the reference's distribution function may stand anywhere, so it counts as being where it is
    nearest: what percentiles cannot tell is never taken for a change. Both arguments hold a value or more.

    >>> before, now = np.linspace(0.0, 100.0, 101), Sketch()
    >>> now.add(np.linspace(0.0, 100.0, 5_000))
    >>> distance(before, 5_000, now)
    0.0
    >>> moved = Sketch()
    >>> moved.add(np.linspace(20.0, 120.0, 5_000))
    >>> round(distance(before, 5_000, moved), 2)
    0.2
    """
    limits = np.unique(percentiles)
    below, used = now.below(limits)
    at = np.searchsorted(percentiles, np.maximum(used, limits), side="right")
    last = len(percentiles) - 1
    low = np.where(at > last, 1.0, (at - 1) / last - 1 / count)
    high = np.where(at > last, 1.0, at / last + 1 / count)
    here = below / now.count
    return float(max(0.0, (here - high).max(), (low - here).max()))


def psi_of(compared: Comparison) -> float | None:
    """PSI; None where there is nothing to compare.

    >>> psi_of(Comparison(np.zeros(2), np.zeros(2), 5, 0.0, 100)) is None
    True
    """
    there = compared.count and compared.reference_count and len(compared.observed) > 1
    return psi(compared) if there else None


def _both(one: FeatureProfile, other: FeatureProfile) -> FeatureProfile:
    categories = {name: one.categories.get(name, 0) + other.categories.get(name, 0)
                  for name in {**one.categories, **other.categories}}  # fmt: skip
    sketch = one.sketch or other.sketch
    if one.sketch is not None and other.sketch is not None:
        both = Sketch.from_datum(one.sketch.to_dict())
        both.merge(Sketch.from_datum(other.sketch.to_dict()))
        sketch = type(one.sketch).from_dict(both.to_datum())
    return FeatureProfile(
        name=one.name, count=one.count + other.count, nulls=one.nulls + other.nulls, sketch=sketch,
        categories=categories, other=one.other + other.other,
    )  # fmt: skip


def _shift(known: Mapping[str, Any], now: FeatureProfile, compared: Comparison) -> FeatureShift:
    number = known["kind"] == "number"
    sketch = Sketch.from_datum(now.sketch.to_dict()) if now.sketch is not None else Sketch()
    percentiles = np.array(known.get("quantiles", []), dtype=np.float64)
    rows = compared.reference_count
    values = round(rows * (1 - compared.reference_nulls))
    told_then, told_now = _of_numbers(percentiles, sketch) if number else _of_categories(known, now)
    test = _numbers_test(percentiles, values, sketch) if number else _categories_test(compared, values)
    return FeatureShift(
        now.name, known["kind"], now.count, psi_of(compared), test, _nulls_test(compared, now),
        compared.reference_nulls, now.nulls / max(1, now.count + now.nulls), told_then, told_now,
    )  # fmt: skip


def _numbers_test(percentiles: Floats, values: int, now: Sketch) -> SampleTest | None:
    if not len(percentiles) or not now.count or values < 1:
        return None
    found = distance(percentiles, values, now)
    return SampleTest("kolmogorov-smirnov", found, kolmogorov_tail(found, values, now.count))


def _categories_test(compared: Comparison, values: int) -> SampleTest | None:
    if not compared.count or values < 1:
        return None
    return SampleTest("chi-square", *chi_square(compared.observed, compared.expected / compared.count * values))


def _nulls_test(compared: Comparison, now: FeatureProfile) -> SampleTest | None:
    rows = float(compared.reference_count)
    if not rows or not now.count + now.nulls:
        return None
    then = compared.reference_nulls * rows
    one, other = np.array([now.nulls, now.count], dtype=np.float64), np.array([then, rows - then])
    return SampleTest("chi-square", *chi_square(one, other))


def _of_numbers(percentiles: Floats, now: Sketch) -> tuple[dict[str, float], dict[str, float]]:
    then = {f"{q:.0%}": float(np.quantile(percentiles, q)) for q in QUARTILES} if len(percentiles) else {}
    return then, {f"{q:.0%}": now.quantile(q) for q in QUARTILES} if now.count else {}


def _of_categories(known: Mapping[str, Any], now: FeatureProfile) -> tuple[dict[str, float], dict[str, float]]:
    counts = known["counts"]
    then = {name: count / max(1, sum(counts.values()) + known["other"]) for name, count in counts.items()}
    found = {name: count / max(1, now.count) for name, count in now.categories.items()}
    names = sorted({**then, **found}, key=lambda name: (-max(then.get(name, 0.0), found.get(name, 0.0)), name))
    shown = names[:MOST_SHOWN]
    return {name: then.get(name, 0.0) for name in shown}, {name: found.get(name, 0.0) for name in shown}
