"""A mixture's graph is the weighted sum of its members' graphs; what does not go together is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.support.models.toy_models import sigmoid_graph, toy_manifest
from tests.unit.learning.examples import FEATURES
from tests.unit.learning.mixture.members import LEARNERS, TASKS, member, rows
from tidemill.artifact import ArtifactError, FeatureColumn, Manifest, MixtureMember, OnnxModel, prove
from tidemill_learning.mixture import graph as of_mixture
from tidemill_learning.mixture.graph import Composed, compose
from tidemill_learning.mixture.member import Member, MixtureError
from tidemill_learning.training.examples import Task
from tidemill_learning.training.labelled import input_specs
from tidemill_learning.training.onnx.parity import edge_rows

WITHOUT = ("", "low", "high")
SHARES = (0.5, 0.25, 0.25)


Asked = list[tuple[Task, str, float, int, str]]
"""Of each member its task, learner, weight, version, and the class that it does not know."""


@st.composite
def mixtures(draw: st.DrawFn) -> Asked:
    """One to three members of one task, by any learners; weights in 64ths."""
    task = draw(st.sampled_from(TASKS))
    count = draw(st.integers(1, 3))
    cuts = sorted(draw(st.lists(st.integers(1, 63), min_size=count - 1, max_size=count - 1, unique=True)))
    weights = np.diff([0, *cuts, 64]) / 64
    without = st.sampled_from(WITHOUT if task == "multiclass" else ("",))
    return [
        (task, draw(st.sampled_from(LEARNERS)), float(weight), k + 1, draw(without)) for k, weight in enumerate(weights)
    ]


def composed_model(members: list[Member], made: Composed) -> OnnxModel:
    first = members[0].manifest
    manifest = replace(
        first, version=9, output=made.output, features=made.features, classes=made.classes,
        positive_class="true" if first.task == "binary" else None,
    )  # fmt: skip
    return OnnxModel.load(made.graph, manifest)


def weighted_sum(members: list[Member], classes: tuple[str, ...], inputs: dict[str, np.ndarray]) -> np.ndarray:
    """By the members themselves, class by class."""
    total: np.ndarray | float = 0.0
    for one in members:
        scores = OnnxModel.load(one.graph, one.manifest).score(inputs)
        if scores.ndim == 2:
            own = list(one.manifest.classes)
            nothing = np.zeros(len(scores))
            scores = np.stack([scores[:, own.index(name)] if name in own else nothing for name in classes], axis=1)
        total = total + one.weight * scores
    return np.asarray(total)


@settings(max_examples=40)
@given(mixtures())
def test_it_answers_with_the_weighted_sum_of_its_members_at_the_edges_too(asked: Asked) -> None:
    members = [member(*one) for one in asked]
    made = compose(members)
    task: Task = members[0].manifest.task
    inputs = edge_rows({name: values[::25] for name, values in rows(task).inputs.items()}, input_specs(FEATURES))
    model = composed_model(members, made)
    wanted = weighted_sum(members, made.classes, inputs)
    found = model.score(inputs)
    assert np.abs(found - wanted).max() <= 1e-6 * max(1.0, float(np.abs(wanted).max()))
    if task == "multiclass":
        assert set(made.classes) == {name for one in members for name in one.manifest.classes}
        assert list(made.classes) == sorted(made.classes)
        labels = model.other_output("label", inputs)
        assert labels.tolist() == [made.classes[k] for k in found.argmax(axis=1)]
    if task == "binary":
        assert model.other_output("label", inputs).tolist() == (found > 0.5).astype(int).tolist()


@pytest.mark.parametrize("task", TASKS)
def test_the_same_members_and_weights_give_the_same_bytes_and_each_row_stands_for_itself(task: Task) -> None:
    members = [member(task, name, weight, k + 1) for k, (name, weight) in enumerate(zip(LEARNERS, SHARES, strict=True))]
    made = compose(members)
    assert compose(members).graph == made.graph
    assert compose([replace(members[0], weight=0.25), replace(members[1], weight=0.5), members[2]]).graph != made.graph
    prove(composed_model(members, made), {name: values[:50] for name, values in rows(task).inputs.items()})


def test_classes_in_another_order_and_another_positive_one_are_matched_by_what_they_mean() -> None:
    first, second = (member("multiclass", "gradient_boosting", 0.5, version) for version in (1, 2))
    turned = replace(second, manifest=replace(second.manifest, classes=("middle", "high", "low")))
    inputs = {name: values[:20] for name, values in rows("multiclass").inputs.items()}
    made = compose([first, turned])
    wanted = weighted_sum([first, turned], made.classes, inputs)
    assert composed_model([first, turned], made).score(inputs) == pytest.approx(wanted, abs=1e-6)

    one, other = (member("binary", "gradient_boosting", 0.5, version) for version in (1, 2))
    names = replace(other.manifest, classes=("yes", "no"), positive_class="yes")
    strange = replace(other, manifest=names)
    asked = {name: values[:20] for name, values in rows("binary").inputs.items()}
    found = composed_model([one, strange], compose([one, strange])).score(asked)
    assert found == pytest.approx(np.full(20, 0.5), abs=1e-6), "the one says p, the other 1 - p"


def test_members_that_read_floats_or_other_features_are_fed_with_what_they_read() -> None:
    single, wider = toy("wind", 2.0, 1), toy("rain", -1.0, 2)
    made = compose([single, wider])
    assert made.features == (FeatureColumn("wind", "number"), FeatureColumn("rain", "number"))
    inputs = {"wind": np.array([[0.3], [1e300], [np.nan]]), "rain": np.array([[2.0], [1.0], [1.0]])}
    model = composed_model([single, wider], made)
    wanted = weighted_sum([single, wider], made.classes, inputs)
    np.testing.assert_allclose(model.score(inputs), wanted, atol=1e-12, equal_nan=True)
    assert np.isfinite(wanted[0]) and np.isnan(wanted[1:]).all(), "what no float holds is missing there"


def test_graphs_within_graphs_and_names_that_others_have_too_stay_apart() -> None:
    members = [branching(version, below) for version, below in ((1, 0.9), (2, 0.2))]
    inputs = {"wind": np.array([[-1.0], [0.0], [2.0]])}
    made = compose(members)
    one_by_one = [composed_model(members, made).score({"wind": row.reshape(1, 1)}) for row in inputs["wind"]]
    assert np.concatenate(one_by_one).tolist() == pytest.approx([0.55, 0.55, 0.5])


def toy(feature: str, slope: float, version: int, weight: float = 0.5) -> Member:
    return Member(weight, sigmoid_graph(feature, slope), toy_manifest("toy", version, feature))


def branching(version: int, below: float) -> Member:
    """P(true) is `below` where the wind is not above 0, which an inner graph takes from a constant outside of it."""
    answers = helper.make_tensor("answers", TensorProto.FLOAT, [1, 2], [1.0 - below, below])
    even = helper.make_tensor("even", TensorProto.FLOAT, [1, 2], [0.5, 0.5])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    branch = {
        name: helper.make_graph(
            [helper.make_node("Identity", [constant], ["inner"])], name, [],
            [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, 2])],
        )
        for name, constant in (("then_branch", "even"), ("else_branch", "answers"))
    }  # fmt: skip
    nodes = [
        helper.make_node("Greater", ["wind", "zero"], ["above"]), helper.make_node("Squeeze", ["above"], ["one"]),
        helper.make_node("If", ["one"], ["probabilities"], **branch),
    ]  # fmt: skip
    body = helper.make_graph(
        nodes, "branching", [helper.make_tensor_value_info("wind", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])], [answers, even, zero],
    )  # fmt: skip
    graph = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    return Member(0.5, graph, toy_manifest("toy", version, "wind"))


def changed(one: Member, **manifest: object) -> Member:
    return replace(one, manifest=replace(one.manifest, **manifest))  # type: ignore[arg-type]


def of_opset(one: Member, opset: int = 18, ir_version: int = 9) -> Member:
    model = onnx.load_from_string(one.graph)
    model.opset_import[0].version, model.ir_version = opset, ir_version
    return replace(one, graph=model.SerializeToString())


def test_what_does_not_go_together_is_refused_by_name() -> None:
    one, two = toy("wind", 1.0, 1), toy("wind", 2.0, 2)
    refused = {
        "one to 3 versions": [replace(one, weight=0.25), *(toy("wind", 1.0, v, 0.25) for v in (2, 3, 4))],
        "each once": [one, replace(two, manifest=replace(two.manifest, version=1))],
        "add up to 1": [one, replace(two, weight=0.4)],
        "lie above 0": [replace(one, weight=1.0), replace(two, weight=0.0)],
        "version 2 is a binary model of other": [one, changed(two, model="other")],
        "version 2 is a mixture itself": [one, changed(two, mixture=mixture_of_one())],
        "version 2 is of operator set 17 of ai.onnx, another of 18": [one, of_opset(two, 17)],
        "version 2 is of ONNX's IR version 10, version 1 of 9": [one, of_opset(two, 18, 10)],
        "operator set 11 of ai.onnx: 13 or a newer one": [of_opset(one, 11), of_opset(two, 11)],
        "the feature 'wind' is another one in version 2": [
            one, changed(two, features=(FeatureColumn("wind", "category"),)),
        ],
        "make one input: wind_hour": [
            changed(one, features=(FeatureColumn("wind", "time", ("hour",), "UTC"),)),
            changed(two, features=(FeatureColumn("wind_hour", "number"),)),
        ],
    }  # fmt: skip
    for why, members in refused.items():
        with pytest.raises(MixtureError, match=why):
            compose(members)
    with pytest.raises(MixtureError, match="one to 3 versions"):
        compose([])


def mixture_of_one() -> object:
    return (MixtureMember(version=1, weight=1.0, artifact_uri="file:///a", manifest_digest="00"),)


def test_a_mixture_that_is_too_large_or_of_other_operators_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = toy("wind", 1.0, 1), toy("wind", 2.0, 2)
    with monkeypatch.context() as smaller:
        smaller.setattr(of_mixture, "MAX_MODEL_BYTES", len(one.graph) + 10)
        with pytest.raises(MixtureError, match="mix smaller ones, or fewer"):
            compose([one, two])
    model = onnx.load_from_string(two.graph)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node[0].domain = "com.microsoft"
    with pytest.raises(ArtifactError, match="which is not allowed"):
        compose([one, replace(two, graph=model.SerializeToString())])


def test_a_manifest_names_members_that_came_before_and_weights_that_are_a_whole() -> None:
    manifest = replace(toy_manifest("toy", 4, "wind"), mixture=mixture_of_one())  # type: ignore[arg-type]
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest and manifest.shares == ((1, 1.0),)
    with pytest.raises(ValueError, match="versions before it"):
        replace(manifest, version=1)
    before = toy_manifest("toy", 4, "wind").to_bytes().replace(b'"mixture":null,', b"")
    assert b"mixture" not in before and Manifest.from_bytes(before).mixture is None
