"""The training reference."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tidemill.contracts.model_file.spec import Feature
from tidemill_learning.reference import TOP_CATEGORIES, reference_bytes, training_reference

FEATURES = (Feature("place", "category"), Feature("wind", "number"), Feature("when", "time", parts=("hour",)))


def rows(places: list[str | None], winds: list[float | None]) -> pa.Table:
    return pa.table({"place": pa.array(places, pa.string()), "wind": pa.array(winds, pa.float64())})


def reference(table: pa.Table, scores: np.ndarray, classes: tuple[str, ...] = ()) -> dict:
    return training_reference(
        table,
        FEATURES,
        (1, 2),
        scores=scores,
        classes=classes,
        metrics={"brier": 0.1},
        held_out_rows=len(scores),
    )


def test_numbers_have_a_hundred_and_one_quantiles_categories_have_counts_and_times_are_left_out() -> None:
    found = reference(rows(["a", "a", None, "b"], [1.0, 2.0, 3.0, None]), np.linspace(0, 1, 11))
    assert set(found["features"]) == {"place", "wind"}
    assert found["features"]["place"] == {
        "kind": "category",
        "counts": {"a": 2, "b": 1},
        "other": 0,
        "nulls": 0.25,
        "count": 4,
    }
    wind = found["features"]["wind"]
    assert (
        len(wind["quantiles"]) == 101 and wind["quantiles"][50] == 2.0 and wind["nulls"] == 0.25 and wind["count"] == 4
    )
    assert found["predictions"]["mean"] == pytest.approx(0.5) and len(found["predictions"]["quantiles"]) == 101
    assert (found["rows"], found["held_out_rows"], found["event_time"]) == (4, 11, [1, 2])


def test_rare_categories_are_counted_together() -> None:
    places = [f"p{k}" for k in range(TOP_CATEGORIES + 50)]
    found = reference(rows([*places, "p0"], [1.0] * (len(places) + 1)), np.zeros(1))["features"]["place"]
    assert len(found["counts"]) == TOP_CATEGORIES and found["other"] == 50 and found["counts"]["p0"] == 2


def test_classes_have_a_share_and_a_distribution_each() -> None:
    found = reference(rows(["a"], [1.0]), np.array([[0.8, 0.2], [0.4, 0.6]]), ("no", "yes"))["predictions"]
    assert found["shares"] == {"no": 0.5, "yes": 0.5} and found["means"]["no"] == pytest.approx(0.6)


def test_the_document_is_plain_json_without_numbers_that_are_not_finite() -> None:
    found = reference(rows([None], [None]), np.zeros(3))
    assert json.loads(reference_bytes(found)) == found
    assert found["features"]["wind"]["quantiles"] == []
