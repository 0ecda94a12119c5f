"""A fitted learner as one self-contained ONNX graph, in double wherever a float would merge two numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper

from tidemill_learning.training.examples import Task
from tidemill_learning.training.learners import Fitted
from tidemill_learning.training.onnx.encoder_graph import MATRIX, Nodes, encode
from tidemill_learning.training.onnx.trees import boosting_node, forest_node

OPSET = 17
ML_OPSET = 3
IR_VERSION = 8
"""Fixed, and older than what every ONNX Runtime of the last years reads: a graph must outlive upgrades."""

RAW = "t.raw"


def score_name(task: Task, inputs: Iterable[str]) -> str:
    """The output that holds the scores: `probabilities` or `value`, with underscores behind it while a feature has
    that name.
    """
    return free_name("value" if task == "regression" else "probabilities", inputs)


def to_onnx(fitted: Fitted) -> bytes:
    """The graph: one named input [n, 1] per feature (string or double).

    Outputs: `label` [n] (int64 0/1, or string) and `probabilities` [n, C] for classes; `value` [n, 1], double,
    for regression (see `score_name` for features of these names); the scores are the last one. Standard operators
    only (`ai.onnx` 17, `ai.onnx.ml` 3), no external data.
    """
    inputs, made = encode(fitted.encoder)
    names = [one.name for one in inputs]
    scores = score_name(fitted.task, names)
    _raw(made, fitted)
    if fitted.task == "regression":
        _value(made, fitted, scores)
        outputs = [helper.make_tensor_value_info(scores, TensorProto.DOUBLE, [None, 1])]
    else:
        label = free_name("label", names)
        _probabilities(made, fitted, scores)
        _label(made, fitted, scores, label)
        kind = TensorProto.INT64 if fitted.task == "binary" else TensorProto.STRING
        outputs = [
            helper.make_tensor_value_info(label, kind, [None]),
            helper.make_tensor_value_info(scores, _kind(fitted), [None, len(fitted.classes)]),
        ]
    graph = helper.make_graph(made.nodes, "tidemill", inputs, outputs, made.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tidemill")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def free_name(name: str, taken: Iterable[str]) -> str:
    """A name with as many underscores behind it as it takes to be none of the taken ones."""
    names = set(taken)
    while name in names:
        name += "_"
    return name


def _kind(fitted: Fitted) -> int:
    """A tree ensemble answers in float whatever it reads; a linear model in double."""
    return int(TensorProto.DOUBLE if fitted.candidate == "logistic_regression" else TensorProto.FLOAT)


def _raw(made: Nodes, fitted: Fitted) -> None:
    """What the estimator itself gives, [n, targets]: sums of leaves, means of trees, or a linear form."""
    if fitted.candidate == "gradient_boosting":
        made.nodes.append(boosting_node(fitted.estimator, MATRIX, RAW))
    elif fitted.candidate == "random_forest":
        made.nodes.append(forest_node(fitted.estimator, MATRIX, RAW))
    else:
        weights = np.atleast_2d(np.asarray(fitted.estimator.coef_, dtype=np.float64)).T
        offset = np.atleast_1d(np.asarray(fitted.estimator.intercept_, dtype=np.float64))
        constants = [made.constant("t.weights", np.ascontiguousarray(weights)), made.constant("t.offset", offset)]
        made.add("Gemm", [MATRIX, *constants], RAW)


def _value(made: Nodes, fitted: Fitted, scores: str) -> None:
    """From units of the target's spread to the target's own: in double, for it may be large beside its spread."""
    raw = made.add("Cast", [RAW], "t.raw64", to=TensorProto.DOUBLE)
    wide = made.add("Mul", [raw, made.constant("t.target_scale", np.float64(fitted.scale))], "t.wide")  # type: ignore[arg-type]
    made.add("Add", [wide, made.constant("t.target_centre", np.float64(fitted.centre))], scores)  # type: ignore[arg-type]


def _probabilities(made: Nodes, fitted: Fitted, scores: str) -> None:
    """What weights of classes have added is taken out: of log-odds by a difference, of a forest's shares by a
    quotient.
    """
    if fitted.candidate == "random_forest":
        shares = "t.shares" if fitted.weights else scores
        if len(fitted.classes) > 2:
            made.add("Identity", [RAW], shares)
        else:
            _both(made, fitted, RAW, shares)
        if fitted.weights:
            _reweighed(made, fitted, shares, scores)
        return
    odds = _unweighted(made, fitted)
    if len(fitted.classes) > 2:
        made.add("Softmax", [odds], scores, axis=1)
    else:
        _both(made, fitted, made.add("Sigmoid", [odds], "t.positive"), scores)


def _both(made: Nodes, fitted: Fitted, positive: str, scores: str) -> None:
    one = made.constant("t.one", np.array([1.0], dtype=_dtype(fitted)))
    made.add("Concat", [made.add("Sub", [one, positive], "t.negative"), positive], scores, axis=1)


def _unweighted(made: Nodes, fitted: Fitted) -> str:
    """The log-odds [n, 1], or [n, C] before a softmax, as rows that all count alike have them."""
    if not fitted.weights:
        return RAW
    logs = np.log(np.array(fitted.weights))
    added = logs if len(fitted.classes) > 2 else logs[1:] - logs[:1]
    return made.add("Sub", [RAW, made.constant("t.log_weights", added.astype(_dtype(fitted)))], "t.log_odds")


def _reweighed(made: Nodes, fitted: Fitted, shares: str, scores: str) -> None:
    weights = made.constant("t.class_weights", np.array(fitted.weights, dtype=_dtype(fitted)))
    parts = made.add("Div", [shares, weights], "t.parts")
    axis = made.constant("t.axis", np.array([1], dtype=np.int64))
    made.add("Div", [parts, made.add("ReduceSum", [parts, axis], "t.sum", keepdims=1)], scores)


def _dtype(fitted: Fitted) -> type[np.floating]:
    return np.float64 if _kind(fitted) == TensorProto.DOUBLE else np.float32


def _label(made: Nodes, fitted: Fitted, scores: str, label: str) -> None:
    found = made.add("ArgMax", [scores], label if fitted.task == "binary" else "t.position", axis=1, keepdims=0)
    if fitted.task != "binary":
        made.add(
            "LabelEncoder", [found], label, domain="ai.onnx.ml",
            keys_int64s=list(range(len(fitted.classes))), values_strings=list(fitted.classes),
        )  # fmt: skip
