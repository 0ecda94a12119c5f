"""Encoding: what a category becomes, what fills a null, and that sparse and dense agree."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.learning.examples import FEATURES, labelled
from tidemill_learning.training.encoding import MAX_CATEGORIES, Form, fit_encoder
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.labelled import input_specs, to_examples


def test_categories_are_ranked_by_the_target_and_an_unseen_one_stands_at_the_average() -> None:
    names = np.array(["low", "high", "middle"] * 200, dtype=object).reshape(-1, 1)
    target = np.array([0, 1, 0] * 100 + [0, 1, 1] * 100)
    encoder = fit_encoder(_examples(names, target), (InputSpec("c", "category"),), form="trees")
    values = encoder.matrix({"c": np.array(["low", "middle", "high", "never"], dtype=object)})[:, 0]
    assert values[0] < values[1] < values[2]
    assert values[0] < values[3] < values[2] and values[3] not in values[:3]


def test_an_unseen_category_is_no_column_of_a_one_hot_encoding() -> None:
    names = np.array(["a", "b"] * 50, dtype=object).reshape(-1, 1)
    encoder = fit_encoder(_examples(names, np.array([0, 1] * 50)), (InputSpec("c", "category"),), form="linear")
    assert encoder.matrix({"c": np.array(["a", "b", "z"], dtype=object)}).sum(axis=1).tolist() == [1, 1, 0]


def test_the_number_of_categories_is_bounded() -> None:
    names = np.array([f"n{k}" for k in range(3_000)], dtype=object).reshape(-1, 1)
    encoder = fit_encoder(_examples(names, np.arange(3_000) % 2), (InputSpec("c", "category"),), form="trees")
    assert len(encoder.columns[0].codes) == MAX_CATEGORIES


@pytest.mark.parametrize(
    ("missing", "form", "expected"), [("zero", "trees", 0.0), ("median", "trees", 2.0), (None, "single", 0.0)]
)
def test_a_null_number_is_filled_as_the_model_file_says(missing: str | None, form: Form, expected: float) -> None:
    numbers = np.array([1.0, 2.0, 9.0, np.nan], dtype=np.float64).reshape(-1, 1)
    spec = InputSpec("c", "number", missing)  # type: ignore[arg-type]
    encoder = fit_encoder(_examples(numbers, np.array([0, 1, 0, 1])), (spec,), form=form)
    assert encoder.matrix({"c": numbers})[3, 0] == expected


def test_boosting_sees_a_null_as_a_null() -> None:
    numbers = np.array([1.0, np.nan], dtype=np.float64).reshape(-1, 1)
    encoder = fit_encoder(_examples(numbers, np.array([0, 1])), (InputSpec("c", "number"),), form="trees")
    assert np.isnan(encoder.matrix({"c": numbers})[1, 0])


def test_a_column_of_nulls_does_not_stop_the_training() -> None:
    numbers = np.full((4, 1), np.nan, dtype=np.float64)
    encoder = fit_encoder(_examples(numbers, np.array([0, 1, 0, 1])), (InputSpec("c", "number"),), form="linear")
    assert encoder.matrix({"c": numbers}).tolist() == [[0.0]] * 4


def test_the_sparse_matrix_is_the_dense_one() -> None:
    examples = to_examples(labelled("binary", 300), FEATURES, "binary")
    encoder = fit_encoder(examples, input_specs(FEATURES), form="linear")
    dense = encoder.matrix(examples.inputs)
    assert dense.shape == (300, encoder.width) and dense.dtype == np.float64
    np.testing.assert_array_equal(encoder.sparse(examples.inputs).toarray(), dense)


def _examples(column: np.ndarray, target: np.ndarray) -> Examples:
    time = np.arange(len(column), dtype=np.int64)
    return Examples({"c": column}, target, time, time, time)
