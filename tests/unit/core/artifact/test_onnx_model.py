from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.unit.core.artifact.models import graph, manifest, scaling
from tidemill.artifact import ArtifactError, FeatureColumn, Golden, OnnxModel, check_golden


def column(*values: float) -> dict[str, np.ndarray[Any, Any]]:
    return {"distance": np.array(values, dtype=np.float32).reshape(-1, 1)}


def softmax_of(*weights: float) -> bytes:
    """Probabilities over len(weights) classes: softmax(distance * weights)."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, len(weights)], weights)
    nodes = [
        helper.make_node("MatMul", ["distance", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, len(weights)])]
    return graph(nodes, initializers=[weight], outputs=outputs).SerializeToString()


def test_a_regression_answers_one_value_a_row():
    model = OnnxModel.load(scaling(2.0), manifest())
    assert model.score(column(1.0, 2.5)).tolist() == [2.0, 5.0]


def test_a_binary_model_answers_the_probability_of_its_positive_class():
    shape = {"task": "binary", "classes": ("on time", "late")}
    late = OnnxModel.load(softmax_of(0.0, 1.0), manifest(**shape, positive_class="late"))
    on_time = OnnxModel.load(softmax_of(0.0, 1.0), manifest(**shape, positive_class="on time"))
    scores = late.score(column(2.0, 0.0))
    assert scores.shape == (2,)
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert on_time.score(column(2.0, 0.0)) == pytest.approx(1 - scores, abs=1e-6)


def test_a_multiclass_model_answers_every_class_in_the_manifests_order():
    model = OnnxModel.load(softmax_of(0.0, 1.0, 2.0), manifest(task="multiclass", classes=("a", "b", "c")))
    scores = model.score(column(1.0))
    assert scores.shape == (1, 3)
    assert scores.sum() == pytest.approx(1.0)
    assert scores[0].argmax() == 2


@pytest.mark.parametrize("n", [0, 1, 4, 5, 17])
def test_batches_of_any_size_are_scored_in_slices(n: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tidemill.artifact.onnx_model.MAX_ROWS_AT_ONCE", 4)
    model = OnnxModel.load(scaling(2.0), manifest())
    assert model.score(column(*range(n))).tolist() == [2.0 * i for i in range(n)]


def test_a_loaded_model_knows_the_size_of_its_file():
    assert OnnxModel.load(scaling(2.0), manifest()).graph_bytes == len(scaling(2.0))


def test_no_rows_give_no_scores_of_the_right_shape():
    model = OnnxModel.load(softmax_of(0.0, 1.0, 2.0), manifest(task="multiclass", classes=("a", "b", "c")))
    assert model.score(column()).shape == (0, 3)


def test_a_graph_with_other_inputs_than_the_manifest_says_is_refused():
    with pytest.raises(ArtifactError, match="inputs"):
        OnnxModel.load(scaling(2.0), manifest(features=(FeatureColumn("speed", "number"),)))
    with pytest.raises(ArtifactError, match="inputs"):
        OnnxModel.load(scaling(2.0), manifest(features=(FeatureColumn("distance", "category"),)))


def test_a_graph_without_the_output_is_refused():
    with pytest.raises(ArtifactError, match="no numeric output"):
        OnnxModel.load(scaling(2.0), manifest(output="probabilities"))


def test_an_output_of_another_width_than_the_classes_is_refused_when_it_scores():
    model = OnnxModel.load(scaling(2.0), manifest(task="multiclass", classes=("a", "b")))
    with pytest.raises(ArtifactError, match="answered"):
        model.score(column(1.0))


def test_a_graph_of_floats_is_given_the_nearest_floats_and_what_is_too_large_is_missing():
    model = OnnxModel.load(scaling(2.0), manifest())
    asked = np.array([[0.1], [16_777_217.0], [1e300], [np.nan]])
    wanted = np.float64(np.float32([0.2, 33_554_432.0, np.nan, np.nan]))
    assert np.array_equal(model.score({"distance": asked}), wanted, equal_nan=True)


def test_golden_rows_pass_within_the_tolerance_and_fail_outside():
    model = OnnxModel.load(scaling(2.0), manifest())
    check_golden(model, Golden(column(1.0, 2.0), np.array([2.0, 4.001])))
    with pytest.raises(ArtifactError, match="1 of 2 scores differ"):
        check_golden(model, Golden(column(1.0, 2.0), np.array([2.0, 4.1])))


def test_a_model_that_answers_nan_is_refused_even_where_nan_was_expected():
    model = OnnxModel.load(scaling(2.0), manifest())
    with pytest.raises(ArtifactError, match="differ"):
        check_golden(model, Golden(column(np.nan), np.array([np.nan])))


def test_golden_rows_survive_json_with_missing_values():
    features = (FeatureColumn("distance", "number"), FeatureColumn("origin", "category"))
    inputs = {**column(1.5, np.nan), "origin": np.array([["JFK"], [""]], dtype=object)}
    golden = Golden(inputs, np.array([0.1, 0.2]))
    again = Golden.from_bytes(golden.to_bytes(), manifest(features=features))
    assert np.array_equal(again.inputs["distance"], inputs["distance"], equal_nan=True)
    assert again.inputs["distance"].dtype == np.float64
    assert again.inputs["origin"].tolist() == [["JFK"], [""]]
    assert again.scores.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"inputs":{},"scores":[1]}', b'{"inputs":{"distance":[]},"scores":[]}',
     b'{"inputs":{"distance":[1,2]},"scores":[1]}', b'{"inputs":{"distance":["x"]},"scores":[1]}'],
)  # fmt: skip
def test_golden_rows_that_do_not_fit_are_refused(data: bytes):
    with pytest.raises(ArtifactError, match="golden rows"):
        Golden.from_bytes(data, manifest())
