"""The graph is the learner: every candidate, every task, edge rows, borders between two numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from tests.unit.learning.examples import FEATURES, labelled
from tidemill.artifact import FeatureColumn, Manifest, OnnxModel, feature_columns
from tidemill_learning.training.examples import Examples, Task
from tidemill_learning.training.labelled import input_specs, to_examples
from tidemill_learning.training.learners import SETTINGS, ClassWeights, Fitted, fit
from tidemill_learning.training.onnx.export import to_onnx
from tidemill_learning.training.onnx.parity import ParityError, edge_rows, prove_parity, run_graph
from tidemill_learning.training.onnx.trees import floor32

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
SMALL = {"n_estimators": 5, "max_iter": 25}


def fitted(task: Task, candidate: str, weights: ClassWeights = None) -> tuple[Fitted, Examples]:
    examples = to_examples(labelled(task), FEATURES, task)
    params = {key: SMALL.get(key, value) for key, value in SETTINGS[candidate][0].items()}
    rows = examples.take(np.arange(900))
    return fit(candidate, params, task, input_specs(FEATURES), rows, None, seed=1, class_weights=weights), examples


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("candidate", sorted(SETTINGS))
def test_the_graph_scores_like_the_learner_on_a_thousand_rows_and_at_the_edges(task: Task, candidate: str) -> None:
    model, examples = fitted(task, candidate)
    proof = prove_parity(model, to_onnx(model), examples.inputs, input_specs(FEATURES))
    assert proof.rows > 1_500 and proof.largest <= proof.tolerance


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("candidate", sorted(SETTINGS))
def test_the_graph_of_weighted_classes_scores_like_the_learner(task: Task, candidate: str) -> None:
    weights = (("true", 9.0), ("high", 9.0), ("low", 0.5))
    model, examples = fitted(task, candidate, weights)
    assert model.weights == ((1.0, 9.0) if task == "binary" else (9.0, 0.5, 1.0))
    proof = prove_parity(model, to_onnx(model), examples.inputs, input_specs(FEATURES))
    assert proof.rows > 1_500 and proof.largest <= proof.tolerance


@pytest.mark.parametrize("candidate", sorted(SETTINGS))
def test_weights_of_classes_leave_probabilities_what_they_are(candidate: str) -> None:
    plain, examples = fitted("binary", candidate)
    heavy, _ = fitted("binary", candidate, (("true", 20.0),))
    even, _ = fitted("binary", candidate, "balanced")
    rate = examples.target.astype(float).mean()
    for model in (plain, heavy, even):
        scores = model.score(examples.inputs)
        assert scores.mean() == pytest.approx(rate, abs=0.06)
        assert ((scores >= 0.0) & (scores <= 1.0)).all()
    assert not np.allclose(heavy.score(examples.inputs), plain.score(examples.inputs), atol=1e-4)
    shares = np.bincount(examples.target[:900].astype(int))
    assert even.weights == pytest.approx(tuple(900 / (2 * shares)))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("candidate", sorted(SETTINGS))
def test_serving_loads_the_graph_and_gives_the_same_scores(task: Task, candidate: str) -> None:
    model, examples = fitted(task, candidate)
    manifest = Manifest(
        model="toy",
        version=1,
        task=task,
        output="value" if task == "regression" else "probabilities",
        features=feature_columns(FEATURES),
        classes=model.classes,
        positive_class="true" if task == "binary" else None,
    )
    assert all(isinstance(column, FeatureColumn) for column in manifest.features)
    scores = OnnxModel.load(to_onnx(model), manifest).score(examples.inputs)
    np.testing.assert_allclose(scores, model.score(examples.inputs), rtol=1e-4, atol=2e-5)
    if task == "multiclass":
        np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)


def test_the_graph_names_the_class_with_the_largest_probability() -> None:
    import onnxruntime

    for task in ("binary", "multiclass"):
        for candidate in SETTINGS:
            model, examples = fitted(task, candidate)
            session = onnxruntime.InferenceSession(to_onnx(model), providers=["CPUExecutionProvider"])
            label, probabilities = session.run(["label", "probabilities"], examples.inputs)
            best = np.argmax(probabilities, axis=1)
            expected = best if task == "binary" else np.array(model.classes, dtype=object)[best]
            assert np.mean(label == expected) > 0.999, (task, candidate)  # a tie may fall either way


def test_the_graph_holds_standard_operators_of_the_fixed_opset_only() -> None:
    for candidate in SETTINGS:
        model, _ = fitted("binary", candidate)
        graph = onnx.load_from_string(to_onnx(model))
        assert {(one.domain, one.version) for one in graph.opset_import} == {("", 17), ("ai.onnx.ml", 3)}
        assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx.ml"}


@given(
    st.floats(-(2.0**99), 2.0**99, allow_subnormal=False),
    st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False),
)
def test_a_threshold_rounded_down_splits_float32_values_exactly(threshold: float, value: float) -> None:
    rounded = floor32(np.array([threshold]))[0]
    assert (np.float64(np.float32(value)) <= threshold) == (np.float32(value) <= rounded)


def test_rows_that_lie_on_a_threshold_go_the_same_way() -> None:
    model, examples = fitted("binary", "gradient_boosting")
    graph = to_onnx(model)
    winds = thresholds(graph, feature=1)
    values = np.concatenate([winds, np.nextafter(winds, 9), np.nextafter(winds, -9)])
    inputs = {name: np.repeat(column[:1], len(values), axis=0) for name, column in examples.inputs.items()}
    inputs["wind"] = values.reshape(-1, 1)
    np.testing.assert_allclose(run_graph(graph, inputs, "binary"), model.score(inputs), atol=1e-6)


def thresholds(graph: bytes, feature: int) -> npt.NDArray[np.float64]:
    """At which values of a feature the trees of a graph split."""
    (trees,) = [node for node in onnx.load_from_string(graph).graph.node if node.op_type.startswith("TreeEnsemble")]
    held = {one.name: onnx.helper.get_attribute_value(one) for one in trees.attribute}
    splits = (np.array(held["nodes_featureids"]) == feature) & (np.array(held["nodes_modes"]) != b"LEAF")
    assert splits.any()
    return numpy_helper.to_array(held["nodes_values_as_tensor"])[splits]


def test_a_graph_that_is_not_the_learner_is_refused() -> None:
    one, examples = fitted("binary", "gradient_boosting")
    other, _ = fitted("binary", "logistic_regression")
    with pytest.raises(ParityError, match="differs by"):
        prove_parity(one, to_onnx(other), examples.inputs, input_specs(FEATURES))


def test_edge_rows_follow_the_given_rows() -> None:
    _, examples = fitted("binary", "logistic_regression")
    edges = edge_rows(dict(examples.inputs), input_specs(FEATURES))
    added = {name: column[len(examples) :, 0] for name, column in edges.items()}
    assert added["place"][0] == "" and np.isnan(added["wind"][0])
    assert any(str(value).startswith("\u2603") for value in added["place"])
