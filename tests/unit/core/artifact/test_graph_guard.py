from __future__ import annotations

import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.unit.core.artifact.models import graph, scaling
from tidemill.artifact import ArtifactError
from tidemill.artifact.sandbox.graph_guard import FIELDS, check_graph


def external_tensor(name: str = "w") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../secrets.bin")
    return tensor


def constant_subgraph(tensor: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node("Constant", [], ["out"], value=tensor)],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )


def test_a_plain_model_passes():
    check_graph(scaling(2.0))


def test_onnx_runtime_itself_would_load_a_contrib_operator_and_the_guard_does_not():
    data = graph([helper.make_node("Gelu", ["distance"], ["y"], domain="com.microsoft")]).SerializeToString()
    ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    with pytest.raises(ArtifactError, match=r"'Gelu'.*'com\.microsoft'"):
        check_graph(data)


def test_an_import_of_another_domain_is_refused():
    data = graph([helper.make_node("Relu", ["distance"], ["y"])], domains=["com.evil"]).SerializeToString()
    with pytest.raises(ArtifactError, match=r"com\.evil"):
        check_graph(data)


def test_an_operator_of_another_domain_inside_a_branch_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Foo", [], ["out"], domain="com.evil")],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )
    node = helper.make_node("If", ["distance"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(ArtifactError, match=r"com\.evil"):
        check_graph(graph([node]).SerializeToString())


def sparse(values: onnx.TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=values, dims=[1])


@pytest.mark.parametrize(
    "model",
    [
        graph([helper.make_node("Mul", ["distance", "w"], ["y"])], initializers=[external_tensor()]),
        graph([helper.make_node("Constant", [], ["y"], value=external_tensor())]),
        graph([helper.make_node("Constant", [], ["y"], sparse_value=sparse(external_tensor()))]),
        graph([helper.make_node("Foo", [], ["y"], several=[external_tensor(), external_tensor()])]),
        graph(
            [
                helper.make_node(
                    "If",
                    ["distance"],
                    ["y"],
                    then_branch=constant_subgraph(external_tensor()),
                    else_branch=constant_subgraph(external_tensor()),
                )
            ]
        ),
    ],
    ids=["initializer", "attribute", "sparse attribute", "list attribute", "branch"],
)
def test_external_data_is_refused_wherever_a_tensor_can_stand(model: onnx.ModelProto):
    with pytest.raises(ArtifactError, match="outside its file"):
        check_graph(model.SerializeToString())


def test_external_data_without_the_location_flag_is_refused_too():
    tensor = external_tensor()
    tensor.ClearField("data_location")
    with pytest.raises(ArtifactError, match="outside its file"):
        check_graph(graph([helper.make_node("Relu", ["distance"], ["y"])], initializers=[tensor]).SerializeToString())


def test_a_second_graph_appended_to_the_bytes_is_not_overlooked():
    hidden = graph([helper.make_node("Mul", ["distance", "w"], ["y"])], initializers=[external_tensor()])
    with pytest.raises(ArtifactError, match="outside its file"):
        check_graph(scaling(2.0) + hidden.SerializeToString())


def test_model_local_functions_are_refused():
    model = graph([helper.make_node("Relu", ["distance"], ["y"])])
    model.functions.add(name="f", domain="")
    with pytest.raises(ArtifactError, match="functions"):
        check_graph(model.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\xff" * 64, b"\x00" * 64])
def test_bytes_that_are_no_model_are_refused(data: bytes):
    with pytest.raises(ArtifactError):
        check_graph(data)


def test_an_oversize_model_is_refused_unread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tidemill.artifact.sandbox.graph_guard.MAX_MODEL_BYTES", 10)
    with pytest.raises(ArtifactError, match="more than 10"):
        check_graph(scaling(2.0))


def test_the_fields_that_are_read_have_the_numbers_of_onnx_itself():
    theirs = {
        "Model": onnx.ModelProto,
        "OperatorSet": onnx.OperatorSetIdProto,
        "Graph": onnx.GraphProto,
        "Node": onnx.NodeProto,
        "Attribute": onnx.AttributeProto,
        "SparseTensor": onnx.SparseTensorProto,
        "Tensor": onnx.TensorProto,
    }
    for name, message in theirs.items():
        for field, (number, _) in FIELDS[name].items():
            assert message.DESCRIPTOR.fields_by_name[field].number == number


def test_every_field_of_onnx_that_can_hold_a_tensor_or_a_graph_is_walked_or_refused():
    holders = {"TensorProto", "GraphProto", "SparseTensorProto", "NodeProto", "AttributeProto"}
    ours = {"ModelProto": "Model", "GraphProto": "Graph", "NodeProto": "Node", "AttributeProto": "Attribute"}
    for theirs, name in {**ours, "SparseTensorProto": "SparseTensor"}.items():
        for field in getattr(onnx, theirs).DESCRIPTOR.fields:
            if field.message_type is not None and field.message_type.name in holders:
                assert field.name in FIELDS[name], f"{theirs}.{field.name}"


def test_graphs_nested_beyond_reason_are_refused():
    body = b""
    for _ in range(60):
        for number in (6, 5, 1):  # a graph in an attribute of a node of a graph
            body = tagged(number, body)
    with pytest.raises(ArtifactError, match="no ONNX file"):
        check_graph(tagged(7, body))


def tagged(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length, size = bytearray(), len(data)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes([*length, size]) + data


@given(st.data())
def test_a_damaged_model_passes_or_is_refused_and_nothing_else(data: st.DataObject):
    damaged = bytearray(scaling(2.0))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_graph(bytes(damaged))
    except ArtifactError:
        return
