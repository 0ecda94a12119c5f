"""Texts in features and labels: long ones, odd ones, and what one of them may cost."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.training.test_large_numbers import CANDIDATES, CUT_OFF, ROWS, learned, model, rows, signal
from tidemill.contracts.model_file.spec import Feature
from tidemill.rows.features import MAX_TEXT, TOO_LONG, feature_inputs, short_texts
from tidemill_learning.drift.profiling.folds import FeatureFold
from tidemill_learning.reference import training_reference
from tidemill_learning.training.search import NoCandidate
from tidemill_learning.training.texts import codes_of, distinct
from tidemill_learning.training.train import train

PLACE, X = Feature("place", "category"), Feature("x", "number")


def column(*texts: str) -> np.ndarray:
    return np.array(texts, dtype=object).reshape(-1, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=6), min_size=1, max_size=40))
def test_every_text_keeps_a_code_of_its_own(texts: list[str]) -> None:
    names, positions = distinct(np.array(texts, dtype=object))
    assert names == sorted(set(texts)) and [names[k] for k in positions] == texts
    known = {name: float(k) for k, name in enumerate(names)}
    assert codes_of(column(*texts).reshape(-1), known, -1.0).tolist() == [known[text] for text in texts]


def test_one_text_of_900_kilobytes_costs_its_own_bytes() -> None:
    x, y = signal()
    places = np.array(["a", "b"] * (ROWS // 2), dtype=object)
    places[17] = "y" * 900_000
    table = rows(y > 0.5, x=x, place=pa.array(places))
    tracemalloc.start()
    try:
        trained = train(model("binary", PLACE, X, candidates=("logistic_regression",)), table, CUT_OFF, lambda: 0.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert trained.gate.passed and peak < 100_000_000, f"{peak:,} bytes"


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_categories_that_differ_by_a_nul_at_the_end_are_two(candidate: str) -> None:
    table = rows(np.arange(ROWS) % 2 == 1, place=pa.array(["a", "a\0"] * (ROWS // 2)))
    _, served = learned(model("binary", PLACE, candidates=(candidate,)), table)
    without, with_nul = served.score({"place": column("a", "a\0")})
    assert without < 0.2 and with_nul > 0.8


def test_classes_may_end_in_a_nul_too() -> None:
    x, _ = signal()
    label = pa.array(["no" if one < 0.5 else "no\0" if one < 0.8 else "yes" for one in x])
    trained, served = learned(model("multiclass", X), rows(label, x=x))
    assert trained.classes == ("no", "no\0", "yes") and trained.metrics["accuracy"] > 0.9
    assert np.argmax(served.score({"x": np.array([[0.2], [0.65], [0.95]])}), axis=1).tolist() == [0, 1, 2]


def test_a_text_over_the_limit_is_never_seen_in_training_and_in_serving() -> None:
    x, y = signal()
    long = ["l" * (MAX_TEXT + 1), "m" * 5_000]
    places = np.array([long[0], "b", "c"] * (ROWS // 3), dtype=object)
    table = rows((places != "b") & (y > 0.2), x=x, place=pa.array(places))
    for candidate in CANDIDATES:
        _, served = learned(model("binary", PLACE, X, candidates=(candidate,)), table)
        asked = pa.table({"place": [*long, "nobody knows it"], "x": [0.7] * 3})
        one, other, unseen = served.score(feature_inputs(asked, (PLACE, X)))
        assert one == other == unseen, candidate


def test_the_limit_is_of_bytes_and_a_text_at_the_limit_is_kept() -> None:
    at, over = "ü" * (MAX_TEXT // 2), "ü" * (MAX_TEXT // 2) + "x"
    assert short_texts(pa.chunked_array([[at, None, over, ""]])).to_pylist() == [at, None, TOO_LONG, ""]
    assert short_texts(pa.array([True, None])).to_pylist() == ["true", None]


def test_reference_and_profile_count_long_texts_alike() -> None:
    texts = pa.array(["a", "b" * 2_000, "c" * 3_000])
    reference = training_reference(
        pa.table({"place": texts}), (PLACE,), (0, 1), scores=np.zeros(1), classes=(), metrics={}, held_out_rows=1
    )
    fold = FeatureFold((PLACE,))
    fold.add(np.arange(3), np.arange(3), pa.record_batch({"place": texts}))
    assert reference["features"]["place"]["counts"] == fold.features()[0].categories == {"a": 1, TOO_LONG: 2}


def test_a_candidate_that_learns_nothing_is_left_out_and_named() -> None:
    x, y = signal(
        count=24
    )  # a forest wants 5 rows in each leaf, and has half of 16 rows for each tree: it cannot split
    made = model("regression", X, candidates=("random_forest", "logistic_regression"))
    trained = train(made, rows(y, x=x), CUT_OFF, lambda: 0.0)
    assert trained.candidate == "logistic_regression"
    assert "left out: random_forest: it answers" in trained.reason and "learned nothing" in trained.reason


def test_a_run_says_which_whole_numbers_no_double_is() -> None:
    x, y = signal(count=400)
    whole = pa.array((x * 1_000).astype(np.int64) + 2**60 + 1)
    made = model("regression", X, candidates=("logistic_regression",))
    table = rows(y, x=x)
    trained = train(made, table.set_column(table.schema.get_field_index("x"), "x", whole), CUT_OFF, lambda: 0.0)
    assert "features.x: 399 of 400 whole numbers" in trained.reason and "write `x: category`" in trained.reason
    assert "2^53" not in train(made, table, CUT_OFF, lambda: 0.0).reason


def test_where_no_candidate_learns_anything_there_is_no_version() -> None:
    label = np.arange(ROWS) % 2 == 0
    with pytest.raises(NoCandidate, match=r"random_forest: it answers 0\.\d+ for .* it has learned nothing"):
        train(model("binary", X), rows(label, x=np.full(ROWS, 7.0)), CUT_OFF, lambda: 0.0)
