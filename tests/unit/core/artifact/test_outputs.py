"""What scores say, in columns and by row: the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tidemill.artifact.outputs import OUTPUTS, output_columns, output_row

CLASSES = ("a", "b", "c")
SCORES = {
    "binary": np.array([0.25, 0.75, 0.5]),
    "regression": np.array([1.5, -2.0, 0.0]),
    "multiclass": np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]]),
}


def test_an_answer_has_the_typed_output_of_the_task() -> None:
    assert output_row("binary", np.float64(0.25), ()) == {"probability": 0.25, "label": False}
    assert output_row("binary", np.float64(0.25), (), 0.25) == {"probability": 0.25, "label": True}
    assert output_row("regression", np.float64(1.5), ()) == {"value": 1.5}
    shares = {"a": 0.2, "b": 0.5, "c": 0.3}
    assert output_row("multiclass", SCORES["multiclass"][0], CLASSES) == {"label": "b", "probabilities": shares}


@pytest.mark.parametrize("task", OUTPUTS)
def test_columns_say_what_rows_say_and_in_the_same_order(task: str) -> None:
    columns = output_columns(task, SCORES[task], CLASSES)
    assert tuple(columns) == OUTPUTS[task]
    for row, score in enumerate(SCORES[task]):
        said = output_row(task, score, CLASSES)
        assert tuple(said) == OUTPUTS[task]
        found = {name: column[row].as_py() for name, column in columns.items()}
        assert {name: dict(value) if isinstance(value, list) else value for name, value in found.items()} == said


def test_a_binary_label_is_whether_the_probability_reaches_the_threshold_one_for_all_or_each_its_own() -> None:
    def said(threshold: float | np.ndarray) -> list[bool]:
        labels: list[bool] = output_columns("binary", SCORES["binary"], (), threshold=threshold)["label"].to_pylist()
        return labels

    assert said(0.5) == [False, True, True]
    assert said(0.2) == [True, True, True]
    assert said(np.array([0.2, 0.8, 0.5])) == [True, False, True]


@pytest.mark.parametrize("task", OUTPUTS)
def test_rows_that_are_missing_are_null_and_the_others_stay(task: str) -> None:
    scores = SCORES[task].copy()
    scores[1] = np.nan
    whole = output_columns(task, scores, CLASSES)
    for name, column in output_columns(task, scores, CLASSES, ~np.isfinite(scores.reshape(3, -1)).all(axis=1)).items():
        assert column.null_count == 1
        assert column.is_null().to_pylist() == [False, True, False]
        assert column.take(pa.array([0, 2])).equals(whole[name].take(pa.array([0, 2])))


def test_of_equal_classes_the_first_is_the_label_and_none_of_no_rows() -> None:
    assert output_columns("multiclass", SCORES["multiclass"], CLASSES)["label"].to_pylist() == ["b", "a", "c"]
    assert [len(column) for column in output_columns("multiclass", np.empty((0, 3)), CLASSES).values()] == [0, 0]
