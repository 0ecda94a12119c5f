"""The Open Inference Protocol's tensors and a model's fields: one input per field of the record, of shape [n] or
[n, 1]; or one matrix [n, features], in the features' order, as numpy clients without names send it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tidemill.artifact.outputs import LABEL, SCORES, likeliest
from tidemill.contracts.schemas.avro_types import beside_null
from tidemill.json.rows import LISTED_FIELDS
from tidemill.json.values import cut
from tidemill.nearest import did_you_mean
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.protocols.tensors import BYTES, MalformedTensors, Output, Tensor
from tidemill_inference.rest.request_checks import SCHEMA_RULE, InstanceError, InvalidInstances

PLATFORM = "onnxruntime_onnx"

_DATATYPES: Mapping[str, str] = {
    "string": BYTES, "bytes": BYTES, "double": "FP64", "float": "FP32", "int": "INT32", "long": "INT64",
    "boolean": "BOOL",
}  # fmt: skip


def field_types(endpoint: ModelEndpoint) -> dict[str, str]:
    """The datatype of each field that a tensor can fill: a time is INT64, milliseconds since the epoch, or BYTES."""
    found: dict[str, str] = {}
    for field in endpoint.record.json["fields"]:
        name = avro_type(field["type"])
        if name in _DATATYPES:
            found[field["name"]] = _DATATYPES[name]
    return found


def avro_type(kind: Any) -> str:
    """The name of an Avro type below null and logical types; empty for a union of several."""
    if isinstance(kind, list):
        one = beside_null(kind)
        return "" if one is None else avro_type(one)
    return str(kind["type"]) if isinstance(kind, dict) else str(kind)


def inputs_of(endpoint: ModelEndpoint) -> list[dict[str, Any]]:
    """The inputs for metadata: the features, then identity, time and entity, which may be left out."""
    types = field_types(endpoint)
    spec = endpoint.spec
    features = [feature.name for feature in spec.features]
    optional = [name for name in (spec.event_id, spec.event_time, spec.entity) if name not in features]
    return [
        {"name": name, "datatype": types[name], "shape": [-1]}
        | ({"parameters": {"optional": True}} if name in optional else {})
        for name in [*features, *optional]
        if name in types
    ]


def outputs_of(endpoint: ModelEndpoint) -> list[dict[str, Any]]:
    """The outputs for metadata, by the model's task."""
    task = endpoint.spec.target.task
    serving = endpoint.predictor.serving
    classes = len(serving.classes) if serving else -1
    scores = {"name": SCORES[task], "datatype": "FP64", "shape": [-1, classes] if task == "multiclass" else [-1]}
    label, *ids = (
        {"name": name, "datatype": BYTES, "shape": [-1]} for name in (LABEL, "prediction_id", "event_id")
    )  # fmt: skip
    if task == "binary":
        return [scores, *ids, {**label, "datatype": "BOOL"}]
    return [label, scores, *ids] if task == "multiclass" else [scores, *ids]


def rows_of(tensors: list[Tensor], endpoint: ModelEndpoint) -> int:
    """How many rows the tensors hold. Raises MalformedTensors where they do not agree, InvalidInstances where one is
    for no field of the record.
    """
    if not _is_matrix(tensors, endpoint):
        _refuse_unknown([tensor.name for tensor in tensors], frozenset(endpoint.columns.names))
    first = tensors[0].shape[0]
    for tensor in tensors:
        if tensor.shape[0] != first:
            raise MalformedTensors(tensor.name, f"has {tensor.shape[0]} rows, {tensors[0].name!r} has {first}")
        if tensor.shape[1:] not in ((), (1,)) and not _is_matrix(tensors, endpoint):
            raise MalformedTensors(tensor.name, "shape must be [n] or [n, 1]: one tensor for each field")
    if not first:
        raise MalformedTensors("", "the inputs have no rows")
    return first


def _refuse_unknown(names: list[str], known: frozenset[str]) -> None:
    unknown = [name for name in names if name not in known]
    errors = [
        InstanceError(0, cut(name), f"is not a field of the record{did_you_mean(name, known)}", SCHEMA_RULE, "tensor")
        for name in unknown[:LISTED_FIELDS]
    ]
    if len(unknown) > LISTED_FIELDS:
        reason = f"{len(unknown) - LISTED_FIELDS} more tensors are for no field of the record"
        errors.append(InstanceError(0, "", reason, SCHEMA_RULE, "tensor"))
    if errors:
        raise InvalidInstances(errors)


def instances_of(tensors: list[Tensor], endpoint: ModelEndpoint) -> list[dict[str, Any]]:
    """One instance per row, after `rows_of`."""
    if _is_matrix(tensors, endpoint):
        names, values = [feature.name for feature in endpoint.spec.features], tensors[0].values
        rows: Iterable[Sequence[Any]] = (values[at : at + len(names)] for at in range(0, len(values), len(names)))
    else:
        names, rows = [tensor.name for tensor in tensors], zip(*(tensor.values for tensor in tensors), strict=True)
    filled = (endpoint.spec.event_id, endpoint.spec.event_time)  # a null of these means that they are left out
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None or name not in filled}
        for row in rows
    ]


def _is_matrix(tensors: list[Tensor], endpoint: ModelEndpoint) -> bool:
    if len(tensors) != 1:
        return False
    (tensor,) = tensors
    features = len(endpoint.spec.features)
    return tensor.name not in endpoint.columns.names and tensor.shape[1:] == (features,)


def answer_outputs(answered: Answered) -> dict[str, Output]:
    """All outputs of an answer by name. Content types are those by which MLServer's codecs decode them."""
    scores, serving = answered.predictions.scores, answered.predictions.serving
    task, text, number = serving.model.manifest.task, {"content_type": "str"}, {"content_type": "np"}
    found = []
    if task == "multiclass":
        found.append(Output(LABEL, BYTES, np.array(serving.classes, dtype=object)[likeliest(scores)], text))
    found += [
        Output(SCORES[task], "FP64", scores, number),
        Output("prediction_id", BYTES, np.array(answered.prediction_ids, dtype=object), text),
        Output("event_id", BYTES, np.array(answered.event_ids, dtype=object), text),
    ]
    if task == "binary":  # behind the outputs that were there before it
        found.append(Output(LABEL, "BOOL", scores >= answered.predictions.threshold, number))
    return {output.name: output for output in found}
