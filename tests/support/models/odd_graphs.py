"""ONNX graphs that answer wrongly, take too much, or have another form than the one that is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
WEIGHTS = helper.make_tensor("w", FLOAT, [1, 2], [0.0, 1.0])


def graph_of(
    nodes: Sequence[onnx.NodeProto],
    *tensors: onnx.TensorProto,
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    outputs: dict[str, tuple[int, list[Any]]] | None = None,
) -> bytes:
    """A graph of these nodes; if nothing else is said, from `x` [n, 1] to `probabilities` [n, 2]."""
    body = helper.make_graph(
        list(nodes),
        "odd",
        [helper.make_tensor_value_info(name, *port) for name, port in (inputs or {"x": (FLOAT, [None, 1])}).items()],
        [
            helper.make_tensor_value_info(name, *port)
            for name, port in (outputs or {"probabilities": (FLOAT, [None, 2])}).items()
        ],
        list(tensors),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


def scored(*nodes: onnx.NodeProto, tensors: Sequence[onnx.TensorProto] = (), **ports: Any) -> bytes:
    """A graph whose nodes make `probabilities` of `z` = x times (0, 1), [n, 2]."""
    return graph_of([helper.make_node("MatMul", ["x", "w"], ["z"]), *nodes], WEIGHTS, *tensors, **ports)


def softmax(value: str = "z", axis: int = 1) -> onnx.NodeProto:
    return helper.make_node("Softmax", [value], ["probabilities"], axis=axis)


def number(name: str, value: float) -> onnx.TensorProto:
    return helper.make_tensor(name, FLOAT, [], [value])


def logits() -> bytes:
    return scored(helper.make_node("Identity", ["z"], ["probabilities"]))


def softmax_over_the_batch() -> bytes:
    return scored(softmax(axis=0))


def independent_sigmoids() -> bytes:
    return scored(helper.make_node("Sigmoid", ["z"], ["probabilities"]))


def centred_by_the_batch() -> bytes:
    """As a normalisation that was left in training mode."""
    return scored(
        helper.make_node("ReduceMean", ["x", "rows"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["z", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "ends"], ["moved"]),
        softmax("moved"),
        tensors=[
            helper.make_tensor("rows", TensorProto.INT64, [1], [0]),
            helper.make_tensor("ends", FLOAT, [1, 2], [0.0, 1.0]),
        ],
    )


def by_its_place() -> bytes:
    """The answer depends on how many rows stand before."""
    return scored(
        helper.make_node("CumSum", ["z", "first"], ["sums"]),
        softmax("sums"),
        tensors=[helper.make_tensor("first", TensorProto.INT64, [], [0])],
    )


def dropout_left_on() -> bytes:
    """Each number is kept, or is 0, by chance; a `Dropout` of its own ONNX Runtime leaves out."""
    return scored(
        helper.make_node("RandomUniformLike", ["z"], ["chance"]),
        helper.make_node("Greater", ["chance", "half"], ["kept"]),
        helper.make_node("Where", ["kept", "z", "none"], ["dropped"]),
        softmax("dropped"),
        tensors=[number("half", 0.5), number("none", 0.0)],
    )


def noise() -> bytes:
    return scored(
        helper.make_node("RandomNormalLike", ["z"], ["noise"]), helper.make_node("Add", ["z", "noise"], ["moved"]),
        softmax("moved"),
    )  # fmt: skip


def one_row_only() -> bytes:
    """Its shape is fixed within, so that nothing but a run tells."""
    return graph_of(
        [
            helper.make_node("Reshape", ["x", "one"], ["r"]),
            helper.make_node("MatMul", ["r", "w"], ["z"]),
            softmax(),
        ],
        WEIGHTS,
        helper.make_tensor("one", TensorProto.INT64, [2], [1, 1]),
    )


def endless_loop() -> bytes:
    return _loop(helper.make_tensor("trips", TensorProto.INT64, [], [2**62]))


def loop_by_its_input() -> bytes:
    """It goes on as often as the largest x says."""
    return _loop(
        None,
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Cast", ["largest"], ["trips"], to=TensorProto.INT64),
    )


def _loop(trips: onnx.TensorProto | None, *before: onnx.NodeProto) -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [None, 2]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, [None, 2]),
        ],
    )
    nodes = [*before, helper.make_node("Loop", ["trips", "true", "z"], ["looped"], body=body), softmax("looped")]
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    return scored(*nodes, tensors=[true, *([trips] if trips is not None else [])])


def loops_in_loops() -> bytes:
    """Eight, one in the other, a thousand times each."""
    inner = [helper.make_node("Identity", ["v8"], ["n8"])]
    for depth in range(8, 0, -1):
        body = helper.make_graph(
            [*inner, helper.make_node("Identity", [f"g{depth}"], [f"o{depth}"])],
            f"body{depth}",
            [
                helper.make_tensor_value_info(f"i{depth}", TensorProto.INT64, []),
                helper.make_tensor_value_info(f"g{depth}", TensorProto.BOOL, []),
                helper.make_tensor_value_info(f"v{depth}", FLOAT, [None, 2]),
            ],
            [
                helper.make_tensor_value_info(f"o{depth}", TensorProto.BOOL, []),
                helper.make_tensor_value_info(f"n{depth}", FLOAT, [None, 2]),
            ],
        )
        value = f"v{depth - 1}" if depth > 1 else "z"
        inner = [helper.make_node("Loop", ["trips", "true", value], [f"n{depth - 1}"], body=body)]
    trips = helper.make_tensor("trips", TensorProto.INT64, [], [1_000])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    return scored(*inner, softmax("n0"), tensors=[trips, true])


def huge_constant() -> bytes:
    return _wide([helper.make_node("ConstantOfShape", ["size"], ["wide"])], 2**33)


def huge_range() -> bytes:
    return scored(
        helper.make_node("Range", ["none", "many", "step"], ["range"]),
        helper.make_node("ReduceMax", ["range"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "none"], ["nothing"]),
        helper.make_node("Add", ["z", "nothing"], ["moved"]),
        softmax("moved"),
        tensors=[number("none", 0.0), number("many", 1e12), number("step", 1.0)],
    )


def huge_tile() -> bytes:
    return _wide([helper.make_node("Tile", ["one", "size"], ["wide"])], 2**33)


def huge_expand() -> bytes:
    return _wide([helper.make_node("Expand", ["one", "size"], ["wide"])], 2**33)


def _wide(nodes: list[onnx.NodeProto], size: int) -> bytes:
    return scored(
        *nodes,
        helper.make_node("ReduceMin", ["wide"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "none"], ["nothing"]),
        helper.make_node("Add", ["z", "nothing"], ["moved"]),
        softmax("moved"),
        tensors=[
            helper.make_tensor("size", TensorProto.INT64, [1], [size]), number("none", 0.0),
            helper.make_tensor("one", FLOAT, [1], [1.0]),
        ],
    )  # fmt: skip
