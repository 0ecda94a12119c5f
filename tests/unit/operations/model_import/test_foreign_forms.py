"""Graphs as teams have them, put into the form that is served and answering as where they were made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from tests.support.models import odd_graphs
from tidemill.artifact import ArtifactError, OnnxModel, Prover
from tidemill_operations.model_import.graph import Meant, fitted, proved

DATA = Path(__file__).parent / "data"
NAMES = ("a", "b")
FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
X = np.random.default_rng(0).random((300, 2)).astype(np.float32)
INPUTS = {"a": X[:, :1].astype(np.float64), "b": X[:, 1:].astype(np.float64)}
TRUE = X[:, 0] > 0.5
LEVEL = np.array(["low", "mid", "high"], dtype=object)[(X[:, 0] * 3).astype(int)]
BINARY = LogisticRegression().fit(X, TRUE)
P_TRUE = BINARY.predict_proba(X)[:, 1]


@dataclass(frozen=True)
class Feature:
    name: str
    kind: str = "number"
    parts: tuple[str, ...] = ()
    zone: str | None = None


@dataclass
class Importing:
    """Imports with one warm prover."""

    prover: Prover = field(default_factory=Prover)

    def __call__(
        self, data: bytes, task: str = "binary", kinds: tuple[str, ...] = ("number", "number"),
        inputs: dict[str, Any] | None = None, **meant: Any,
    ) -> OnnxModel:  # fmt: skip
        features = tuple(Feature(name, kind) for name, kind in zip(NAMES, kinds, strict=False))
        spec = SimpleNamespace(name="toy", target=SimpleNamespace(task=task, cost=None), features=features)
        fit = fitted(data, spec, Meant(**meant), {})  # type: ignore[arg-type]
        return proved(fit, INPUTS if inputs is None else inputs, self.prover)


@pytest.fixture(scope="module")
def importing() -> Iterator[Importing]:
    found = Importing()
    yield found
    found.prover.close()


def exported(model: Any, x: Any = X[:1], **options: Any) -> bytes:
    return bytes(to_onnx(model, x, options=options or None).SerializeToString())


def linear(columns: int, *behind: onnx.NodeProto, kind: int = FLOAT, output: tuple[int, list[Any]]) -> bytes:
    """`output` of x = 2a + b - 1.5, as a matrix, from one input for each."""
    nodes = [
        helper.make_node("Concat", list(NAMES), ["ab"], axis=1),
        helper.make_node("MatMul", ["ab", "w"], ["z"]),
        helper.make_node("Add", ["z", "c"], ["x"]),
        *behind,
    ]
    ends = [2.0, 1.0] if columns == 1 else [0.0, 2.0, 0.0, 1.0]
    middle = [-1.5] if columns == 1 else [0.0, -1.5]
    return odd_graphs.graph_of(
        nodes,
        helper.make_tensor("w", kind, [2, columns], ends),
        helper.make_tensor("c", kind, [columns], middle),
        inputs={name: (kind, ["N", 1]) for name in NAMES},
        outputs={"output": output},
    )


SUM = 2.0 * X[:, 0] + X[:, 1] - 1.5
SIGMOID = 1 / (1 + np.exp(-SUM))


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_scikit_learns_probabilities_are_taken_however_they_are_exported(importing: Importing, zipmap: Any) -> None:
    close(importing(exported(BINARY, zipmap=zipmap), columns=NAMES).score(INPUTS), P_TRUE)
    levels = LogisticRegression().fit(X, LEVEL)
    found = importing(exported(levels, zipmap=zipmap), "multiclass", columns=NAMES)
    assert found.manifest.classes == ("high", "low", "mid"), "in the order of the graph's own names"
    close(found.score(INPUTS), levels.predict_proba(X))


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_names_of_its_own_need_to_be_told_which_is_true(importing: Importing, zipmap: Any) -> None:
    graph = exported(LogisticRegression().fit(X, np.where(TRUE, "late", "punctual")), zipmap=zipmap)
    with pytest.raises(ArtifactError, match="which of late and punctual is true"):
        importing(graph, columns=NAMES)
    close(importing(graph, columns=NAMES, positive="late").score(INPUTS), P_TRUE)
    with pytest.raises(ArtifactError, match=r"the order late,punctual, --classes says punctual,late"):
        importing(graph, columns=NAMES, classes=("punctual", "late"), positive="late")


def test_catboosts_own_export_is_taken(importing: Importing) -> None:
    """By CatBoost 1.2.10, of three trees; so are the numbers that it gave itself."""
    rows = {"a": np.array([[0.1], [0.9]], dtype=np.float32), "b": np.full((2, 1), 0.5, dtype=np.float32)}
    binary = importing((DATA / "catboost-binary.onnx").read_bytes(), columns=NAMES)
    close(binary.score(rows), np.array([0.12045961, 0.89078504]))
    several = importing((DATA / "catboost-multiclass.onnx").read_bytes(), "multiclass", columns=NAMES)
    assert several.manifest.classes == ("high", "low", "mid")
    close(several.score(rows), np.array([[0.05912169, 0.88610124, 0.05477707], [0.86268066, 0.06101211, 0.07630722]]))


def test_classes_the_other_way_round_are_served_the_right_way_round(importing: Importing) -> None:
    two = linear(2, helper.make_node("Softmax", ["x"], ["output"], axis=1), output=(FLOAT, ["N", 2]))
    close(importing(two).score(INPUTS), SIGMOID)
    close(importing(two, classes=("false", "true")).score(INPUTS), SIGMOID)
    found = importing(two, classes=("true", "false"))
    close(found.score(INPUTS), 1 - SIGMOID)
    assert (found.manifest.classes, found.manifest.positive_class) == (("true", "false"), "true")


def test_a_double_is_not_rounded_on_its_way(importing: Importing) -> None:
    """Seconds of this century, and ids above 2 to the 24th, as they are."""
    nodes = [
        helper.make_node("Concat", list(NAMES), ["ab"], axis=1),
        helper.make_node("ReduceSum", ["ab", "ends"], ["sum"], keepdims=0),
    ]
    rows = {"a": 1_790_000_000 + np.arange(6.0).reshape(-1, 1), "b": np.full((6, 1), 16_777_217.0)}
    for kind in (DOUBLE, INT64):
        cast = helper.make_node("Cast", ["sum"], ["output"], to=DOUBLE)
        graph = odd_graphs.graph_of(
            [*nodes, cast], helper.make_tensor("ends", INT64, [1], [1]),
            inputs={name: (kind, ["N", 1]) for name in NAMES}, outputs={"output": (DOUBLE, ["N"])},
        )  # fmt: skip
        found = importing(graph, "regression", inputs=rows).score(rows)
        np.testing.assert_array_equal(found, (rows["a"] + rows["b"]).ravel())


@pytest.mark.parametrize("shape", [["N", 1], ["N"]])
def test_one_column_is_the_probability_of_true_if_nothing_else_is_said(importing: Importing, shape: list[Any]) -> None:
    last = [helper.make_node("Sigmoid", ["x"], ["p"]), helper.make_node("Reshape", ["p", "shape"], ["output"])]
    size = [-1, 1] if len(shape) == 2 else [-1]
    graph = onnx.load_model_from_string(linear(1, *last, output=(FLOAT, shape)))
    graph.graph.initializer.append(helper.make_tensor("shape", INT64, [len(size)], size))
    data = bytes(graph.SerializeToString())
    for classes in ((), ("true",), ("false", "true")):
        close(importing(data, classes=classes).score(INPUTS), SIGMOID)
    close(importing(data, classes=("false",)).score(INPUTS), 1 - SIGMOID)
    with pytest.raises(ArtifactError, match="which one"):
        importing(data, classes=("true", "false"))


@pytest.mark.parametrize("columns", [1, 2])
def test_logits_are_refused_and_get_what_they_lack_where_it_is_said(importing: Importing, columns: int) -> None:
    graph = linear(columns, helper.make_node("Identity", ["x"], ["output"]), output=(FLOAT, ["N", columns]))
    with pytest.raises(ArtifactError, match=r"no probability.*--logits"):
        importing(graph)
    close(importing(graph, logits=True).score(INPUTS), SIGMOID)


def test_a_softmax_over_the_batch_is_refused(importing: Importing) -> None:
    graph = linear(2, helper.make_node("Softmax", ["x"], ["output"], axis=0), output=(FLOAT, ["N", 2]))
    with pytest.raises(ArtifactError, match="add up to"):
        importing(graph)


def test_double_inputs_and_outputs_are_taken(importing: Importing) -> None:
    graph = linear(2, helper.make_node("Softmax", ["x"], ["output"], axis=1), kind=DOUBLE, output=(DOUBLE, ["N", 2]))
    close(importing(graph).score(INPUTS), SIGMOID)
    close(importing(exported(BINARY, X[:1].astype(np.float64), zipmap=False), columns=NAMES).score(INPUTS), P_TRUE)


def test_whole_numbers_are_taken_and_a_row_without_one_has_no_answer(importing: Importing) -> None:
    nodes = [
        helper.make_node("Concat", list(NAMES), ["ab"], axis=1),
        helper.make_node("Cast", ["ab"], ["x"], to=FLOAT),
        helper.make_node("ReduceSum", ["x", "ends"], ["output"], keepdims=1),
    ]
    ends = helper.make_tensor("ends", INT64, [1], [1])
    graph = odd_graphs.graph_of(
        nodes, ends, inputs={name: (INT64, ["N", 1]) for name in NAMES}, outputs={"output": (FLOAT, ["N", 1])}
    )
    whole = {name: np.arange(6, dtype=np.float64).reshape(-1, 1) for name in NAMES}
    model = importing(graph, "regression", inputs=whole)
    close(model.score(whole), np.arange(6) * 2.0)
    odd = {"a": np.array([[1], [np.nan], [1.5], [1e30]]), "b": np.ones((4, 1))}
    np.testing.assert_array_equal(model.score(odd), [2, np.nan, np.nan, np.nan])


def test_a_matrix_needs_its_columns_in_their_order(importing: Importing) -> None:
    graph = exported(BINARY, zipmap=False)
    with pytest.raises(ArtifactError, match=r"--columns a,b"):
        importing(graph)
    with pytest.raises(ArtifactError, match="--columns names a; the inputs of the model file are a,b"):
        importing(graph, columns=("a",))
    swapped = LogisticRegression().fit(X[:, ::-1], TRUE)
    close(importing(exported(swapped, zipmap=False), columns=("b", "a")).score(INPUTS), P_TRUE)


def test_values_of_a_regression_come_as_a_column_or_as_a_row(importing: Importing) -> None:
    fit = LinearRegression().fit(X, SUM)
    close(importing(exported(fit), "regression", columns=NAMES).score(INPUTS), fit.predict(X))
    flat = linear(1, helper.make_node("Squeeze", ["x", "one"], ["output"]), output=(FLOAT, ["N"]))
    graph = onnx.load_model_from_string(flat)
    graph.graph.initializer.append(helper.make_tensor("one", INT64, [1], [1]))
    close(importing(bytes(graph.SerializeToString()), "regression").score(INPUTS), SUM)


def test_text_stays_text(importing: Importing) -> None:
    node = helper.make_node(
        "LabelEncoder", ["text"], ["code"], domain="ai.onnx.ml", keys_strings=["yes"], values_floats=[4.0],
        default_float=-4.0,
    )  # fmt: skip
    graph = odd_graphs.graph_of(
        [
            helper.make_node("Slice", ["ab", "one", "two", "one"], ["text"]), node,
            helper.make_node("Sigmoid", ["code"], ["output"]),
        ],
        helper.make_tensor("one", INT64, [1], [1]), helper.make_tensor("two", INT64, [1], [2]),
        inputs={"ab": (STRING, ["N", 2])}, outputs={"output": (FLOAT, ["N", 1])},
    )  # fmt: skip
    rows = {"a": np.array([["x"], ["y"]], dtype=object), "b": np.array([["yes"], [""]], dtype=object)}
    model = importing(graph, kinds=("category", "category"), inputs=rows, columns=NAMES)
    close(model.score(rows), 1 / (1 + np.exp(-np.array([4.0, -4.0]))))
    with pytest.raises(ArtifactError, match="takes text, but a is a number"):
        importing(graph, kinds=("number", "category"), columns=NAMES)
    with pytest.raises(ArtifactError, match="takes numbers, but b is a category"):
        importing(exported(BINARY, zipmap=False), kinds=("number", "category"), columns=NAMES)


def test_a_batch_of_one_is_refused_with_what_to_export() -> None:
    graph = odd_graphs.graph_of(
        [helper.make_node("Concat", list(NAMES), ["output"], axis=1)],
        inputs={name: (FLOAT, [1, 1]) for name in NAMES}, outputs={"output": (FLOAT, [1, 2])},
    )  # fmt: skip
    with pytest.raises(ArtifactError, match=r"takes 1 row at a time.*dynamic axes"):
        Importing()(graph)


def test_columns_that_its_own_label_contradicts_are_refused(importing: Importing) -> None:
    """The names stand nowhere but in the label: the order is held against it, row by row."""
    nodes = [
        helper.make_node("Concat", list(NAMES), ["ab"], axis=1),
        helper.make_node("Softmax", ["ab"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=0),
        helper.make_node("Gather", ["names", "place"], ["label"]),
    ]
    graph = odd_graphs.graph_of(
        nodes, helper.make_tensor("names", STRING, [2], [b"true", b"false"]),
        inputs={name: (FLOAT, ["N", 1]) for name in NAMES},
        outputs={"probabilities": (FLOAT, ["N", 2]), "label": (STRING, ["N"])},
    )  # fmt: skip
    with pytest.raises(ArtifactError, match=r"another order than false,true.*the graph says (true|false)"):
        importing(graph)
    close(importing(graph, classes=("true", "false")).score(INPUTS), 1 / (1 + np.exp(X[:, 1] - X[:, 0])))


@pytest.mark.parametrize(
    ("task", "meant", "said"),
    [
        ("multiclass", {}, "column is which|which class"),
        ("multiclass", {"classes": ("a", "a")}, "stands twice"),
        ("multiclass", {"classes": ("a", "b", "c")}, "names 3 classes, the output has 2"),
        ("binary", {"classes": ("p", "q")}, "which of p and q is true"),
        ("binary", {"positive": "r"}, "none of the classes"),
        ("binary", {"output": "other"}, "no output 'other'"),
        ("regression", {}, "has 2 columns"),
    ],
)
def test_what_is_not_said_or_does_not_fit_is_asked_for(task: str, meant: dict[str, Any], said: str) -> None:
    two = linear(2, helper.make_node("Softmax", ["x"], ["output"], axis=1), output=(FLOAT, ["N", 2]))
    with pytest.raises(ArtifactError, match=said):
        Importing()(two, task, **meant)
