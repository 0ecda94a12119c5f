"""Each feature then and now: what moved is told, what did not is not, however many there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drift_profiles import REFERENCE, category, number
from tidemill.stats.sketch import Sketch
from tidemill_learning.drift.report.feature_shifts import distance, feature_shifts, merged

NUMBERS = st.lists(st.integers(-20, 60) | st.floats(-1e3, 1e3), min_size=120, max_size=250)


def sketch(values: np.ndarray) -> Sketch:
    found = Sketch()
    found.add(values)
    return found


def percentiles(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, np.linspace(0.0, 1.0, 101))


def samples_own(one: np.ndarray, other: np.ndarray) -> float:
    """The greatest difference of both distribution functions."""
    places = np.concatenate((one, other))
    shares = (np.searchsorted(np.sort(values), places, side="right") / len(values) for values in (one, other))
    return float(np.abs(np.subtract(*shares)).max())


@settings(max_examples=60)
@given(NUMBERS, NUMBERS)
def test_the_distance_is_never_more_than_the_samples_own(then: list[float], now: list[float]) -> None:
    one, other = np.array(then, dtype=np.float64), np.array(now, dtype=np.float64)
    own = samples_own(one, other)
    assert 0 <= distance(percentiles(one), len(one), sketch(other)) <= own + 1e-9


@pytest.mark.parametrize("by", [0.0, 0.1, 0.3])
def test_the_distance_misses_little_of_the_samples_own(by: float) -> None:
    rng = np.random.default_rng(5)
    one, other = rng.normal(0, 1, 20_000), rng.normal(by, 1, 20_000)
    found = distance(percentiles(one), len(one), sketch(other))
    own = samples_own(one, other)
    assert own - 0.0105 <= found <= own


def reference_of(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    return {"rows": 3_000, "features": {
        name: {"kind": "number", "quantiles": percentiles(values).tolist(), "nulls": 0.0, "count": len(values)}
        for name, values in columns.items()}}  # fmt: skip


def test_of_sixty_features_that_did_not_move_none_is_told_and_one_that_did_is() -> None:
    rng = np.random.default_rng(6)
    then = {f"x{k}": rng.normal(k, 1 + k / 10, 3_000).round(k % 4) for k in range(60)}
    now = {f"x{k}": rng.normal(k, 1 + k / 10, 2_000).round(k % 4) for k in range(60)}
    calm = feature_shifts(reference_of(then), {name: number(name, values) for name, values in now.items()})
    assert [shift.level for shift in calm] == ["steady"] * 60
    assert min(shift.adjusted for shift in calm) > 0.05
    now["x7"] = now["x7"] + 0.9
    moved = feature_shifts(reference_of(then), {name: number(name, values) for name, values in now.items()})
    assert [shift.name for shift in moved if shift.level == "shifted"] == ["x7"] == [moved[0].name]


def test_nulls_that_became_more_are_told_though_values_stayed() -> None:
    rng = np.random.default_rng(8)
    values = rng.uniform(0, 1_000, 400)
    (shift,) = feature_shifts(REFERENCE, {"amount": number("amount", values, nulls=100)})
    assert shift.level == "shifted" and shift.nulls is not None and shift.nulls.adjusted < 1e-9
    assert shift.values is not None and shift.values.p > 0.05
    assert (shift.nulls_then, shift.nulls_now) == (0.0, 0.2)


def test_few_values_are_not_taken_for_a_change() -> None:
    (shift,) = feature_shifts(REFERENCE, {"region": category("region", ["north"] * 4 + ["south"] * 1)})
    assert shift.psi is not None and shift.level == "steady"


def test_a_feature_without_values_or_unknown_to_the_version_is_no_error() -> None:
    empty = {"amount": number("amount", np.zeros(0), nulls=300), "new": category("new", ["a"])}
    (shift,) = feature_shifts(REFERENCE, empty)
    assert (shift.name, shift.psi, shift.values, shift.now, shift.level) == ("amount", None, None, {}, "shifted")


def test_windows_of_partitions_add_up() -> None:
    one, other = category("region", ["north"] * 3, nulls=1), category("region", ["north", "east"])
    both = merged([one, other])["region"]
    assert (both.count, both.nulls, both.categories) == (5, 1, {"north": 4, "east": 1})
    values = merged([number("amount", np.array([1.0, 2.0])), number("amount", np.array([5.0]))])["amount"]
    assert values.sketch is not None and (values.count, values.sketch.low, values.sketch.high) == (3, 1.0, 5.0)
