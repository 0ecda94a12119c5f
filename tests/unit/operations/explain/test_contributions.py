"""Contributions of the graphs that the product makes: they add up, they tell what matters, and odd graphs are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.unit.learning.examples import FEATURES, labelled
from tests.unit.operations.explain.trees import answer, by_definition
from tidemill.artifact import FeatureColumn, Manifest, feature_columns
from tidemill_learning.training.examples import Examples, Task
from tidemill_learning.training.labelled import input_specs, to_examples
from tidemill_learning.training.learners import SETTINGS, Fitted, fit
from tidemill_learning.training.onnx.export import score_name, to_onnx
from tidemill_learning.training.onnx.parity import edge_rows, run_graph
from tidemill_operations.errors import NotPossible
from tidemill_operations.explain.contributions import Contributions, NotTold, contributions
from tidemill_operations.explain.ensemble import read_ensemble

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
CASES = [(task, candidate) for task in TASKS for candidate in SETTINGS]


def examples(task: Task, count: int = 1_500) -> Examples:
    return to_examples(labelled(task, count), FEATURES, task)


def fitted(task: Task, candidate: str) -> Fitted:
    params = {**SETTINGS[candidate][0], **({"max_iter": 40} if candidate == "gradient_boosting" else {})}
    return fit(candidate, params, task, input_specs(FEATURES), examples(task), None, seed=3)


def manifest(made: Fitted) -> Manifest:
    return Manifest(
        model="toy", version=1, task=made.task, output=score_name(made.task, ()), features=feature_columns(FEATURES),
        classes=made.classes, positive_class=made.classes[1] if made.task == "binary" else None,
    )  # fmt: skip


def row_of(inputs: Any, at: int) -> dict[str, Any]:
    return {name: values[at : at + 1] for name, values in inputs.items()}


def explained(made: Fitted, inputs: Any, at: int, graph: bytes | None = None) -> Contributions:
    return contributions(graph or to_onnx(made), manifest(made), row_of(inputs, at), inputs)


@pytest.mark.parametrize(("task", "candidate"), CASES)
def test_they_add_up_to_the_raw_score_of_every_row_edge_rows_too(task: Task, candidate: str) -> None:
    made = fitted(task, candidate)
    some = {name: values[:6] for name, values in examples(task).inputs.items()}
    inputs, graph = edge_rows(some, input_specs(FEATURES)), to_onnx(made)
    scores = run_graph(graph, inputs, task)
    for at in range(len(scores)):
        told = explained(made, inputs, at, graph)
        total = told.base + sum(told.by_input.values())
        assert abs(total - told.raw) <= 1e-6 * max(1.0, abs(told.raw))
        check(told, made, scores[at])
        assert set(told.by_input) == set(manifest(made).inputs)


def check(told: Contributions, made: Fitted, answered: Any) -> None:
    """The raw score leads to the graph's answer, where one raw score alone does."""
    if made.task == "multiclass":
        if told.unit == "probability":
            assert told.raw == pytest.approx(answered.max(), abs=3e-5)
        return
    score = 1 / (1 + np.exp(-told.raw)) if told.unit == "log-odds" else told.raw
    assert score == pytest.approx(float(answered), rel=1e-5, abs=3e-5 * made.scale)


@pytest.mark.parametrize(("task", "candidate"), CASES)
def test_the_class_is_the_positive_one_or_the_likeliest(task: Task, candidate: str) -> None:
    made = fitted(task, candidate)
    inputs = examples(task).inputs
    scores = run_graph(to_onnx(made), inputs, task)
    for at in (0, 7, 11):
        wanted = {"binary": "true", "regression": ""}.get(task) or (
            made.classes[int(scores[at].argmax())] if task == "multiclass" else ""
        )
        assert explained(made, inputs, at).towards == wanted


@pytest.mark.parametrize("candidate", ["random_forest", "gradient_boosting"])
def test_graphs_of_the_product_have_the_shapley_values_of_the_definition(candidate: str) -> None:
    made = fitted("regression", candidate)
    inputs, graph = examples("regression").inputs, to_onnx(made)
    (node,) = [one for one in onnx.load_from_string(graph).graph.node if one.op_type == "TreeEnsembleRegressor"]
    ensemble = read_ensemble(node)
    matrix = made.encoder.matrix(row_of(inputs, 5))[0]
    row = matrix.astype(np.float32) if candidate == "random_forest" else matrix
    names = [column.spec.name for column in made.encoder.ordered]
    shares = by_definition(lambda known: answer(ensemble, row, known, 0) * made.scale, len(matrix))
    told = explained(made, inputs, 5, graph)
    assert [told.by_input[name] for name in names] == pytest.approx(shares, abs=1e-6 * made.scale)


def test_a_forests_graph_carries_the_counts_of_its_training() -> None:
    made = fitted("binary", "random_forest")
    (node,) = [one for one in onnx.load_from_string(to_onnx(made)).graph.node if one.op_type == "TreeEnsembleRegressor"]
    covers = read_ensemble(node).covers
    for number, one in enumerate(made.estimator.estimators_):
        counts = one.tree_.weighted_n_node_samples.tolist()
        assert [covers[(number, at)] for at in range(len(counts))] == counts


def test_what_matters_weighs_most_and_a_graph_of_before_counts_golden_rows() -> None:
    made = fitted("binary", "gradient_boosting")
    inputs = examples("binary").inputs
    at = int(np.nanargmax(inputs["wind"].ravel()))
    told = explained(made, inputs, at)
    assert max(told.by_input, key=lambda name: abs(told.by_input[name])) == "wind" and told.by_input["wind"] > 0
    assert told.counts == "the rows of the training"
    before = onnx.load_from_string(to_onnx(made))
    for node in before.graph.node:
        kept = [one for one in node.attribute if one.name != "nodes_hitrates"]
        del node.attribute[:]
        node.attribute.extend(kept)
    old = explained(made, {name: values[:60] for name, values in inputs.items()}, 3, before.SerializeToString())
    assert old.counts.startswith("the golden rows")
    assert old.base + sum(old.by_input.values()) == pytest.approx(old.raw, abs=1e-6)


def test_the_counts_in_a_graph_change_no_answer() -> None:
    made = fitted("binary", "random_forest")
    graph = onnx.load_from_string(to_onnx(made))
    inputs = examples("binary").inputs
    with_counts = run_graph(graph.SerializeToString(), inputs, "binary")
    for node in graph.graph.node:
        for one in [one for one in node.attribute if one.name == "nodes_hitrates"]:
            node.attribute.remove(one)
    np.testing.assert_array_equal(with_counts, run_graph(graph.SerializeToString(), inputs, "binary"))


def test_graphs_of_another_form_are_told() -> None:
    made = fitted("binary", "logistic_regression")
    inputs = examples("binary").inputs
    mixing = onnx.load_from_string(to_onnx(made))
    (gemm,) = [node for node in mixing.graph.node if node.op_type == "Gemm"]
    mixing.graph.node.append(helper.make_node("Gemm", [*gemm.input], ["another"]))
    with pytest.raises(NotTold, match="not one ensemble of trees or one linear form"):
        explained(made, inputs, 0, mixing.SerializeToString())
    mixed = onnx.load_from_string(to_onnx(made))
    (gemm,) = [node for node in mixed.graph.node if node.op_type == "Gemm"]
    mixed.graph.node.insert(len(mixed.graph.node) - 5, helper.make_node("Softmax", [gemm.input[0]], ["mixed"]))
    gemm.input[0] = "mixed"
    with pytest.raises(NotTold, match="operator Softmax is not followed"):
        explained(made, inputs, 0, mixed.SerializeToString())


def test_contributions_that_miss_the_graphs_own_score_are_never_shown() -> None:
    """A linear form whose sum float32 cannot hold: the graph says another number than the exact one."""
    names = [f"x{number}" for number in range(10)]
    weights = np.array([1e9, *[0.3] * 8, -1e9], dtype=np.float32).reshape(-1, 1)
    nodes = [
        helper.make_node("Concat", names, ["matrix"], axis=1),
        helper.make_node("Gemm", ["matrix", "weights"], ["value"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in names]
    outputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])]
    body = helper.make_graph(nodes, "far", inputs, outputs, [numpy_helper.from_array(weights, "weights")])
    graph = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    far = Manifest(
        model="far", version=1, task="regression", output="value",
        features=tuple(FeatureColumn(name, "number") for name in names),
    )  # fmt: skip
    row = {name: np.ones((1, 1)) for name in names}
    with pytest.raises(NotPossible, match="do not add up"):
        contributions(graph, far, row, row)
