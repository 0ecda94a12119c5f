"""Tensors of the Open Inference Protocol v2: as JSON, and as bytes behind the JSON (Triton's binary tensor data
extension). Values here are plain lists: what they mean is the model's matter.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import orjson

from tidemill.json.unique_keys import loads
from tidemill.json.values import cut

DTYPES: Mapping[str, str] = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""Numeric datatypes as numpy writes them, little-endian."""
BYTES = "BYTES"
MOST_VALUES = 1_000_000


class MalformedTensors(ValueError):
    """A request that is not of the protocol. `tensor` names the input, empty where it is about the whole."""

    def __init__(self, tensor: str, reason: str) -> None:
        super().__init__(f"input {cut(tensor)!r}: {reason}" if tensor else reason)
        self.tensor = cut(tensor)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input. `values`: row by row, flat; None for a missing one (null, or NaN)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that was asked for, and whether as bytes."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request. `outputs` empty: all of them, as bytes if `binary`."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[Wanted]
    binary: bool
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """An output: `values` an array of `shape`, of text for BYTES."""

    name: str
    datatype: str
    values: np.ndarray[Any, Any]
    parameters: dict[str, Any] = field(default_factory=dict)


def read_request(body: bytes, header_length: int | None) -> InferRequest:
    """A request. `header_length`: of the JSON part, where bytes follow it. Raises orjson.JSONDecodeError,
    MalformedTensors.
    """
    if header_length is not None and not 0 <= header_length <= len(body):
        raise MalformedTensors("", "Inference-Header-Content-Length is not within the body")
    head = body if header_length is None else body[:header_length]
    tail = b"" if header_length is None else body[header_length:]
    document = loads(head)
    if not isinstance(document, dict):
        raise MalformedTensors("", "the body must be an object with inputs")
    parameters = _parameters(document, "")
    inputs, rest = _inputs(document.get("inputs"), tail)
    if rest:
        raise MalformedTensors("", f"{rest} bytes follow that belong to no input")
    binary = _flag(parameters, "binary_data_output", "")
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise MalformedTensors("", "id must be a string")
    outputs = _wanted(document.get("outputs"), binary)
    return InferRequest(request_id, inputs, outputs, binary, _content_type(parameters))


def _inputs(given: Any, tail: bytes) -> tuple[list[Tensor], int]:
    if not isinstance(given, list) or not given:
        raise MalformedTensors("", "inputs must be a list of one tensor or more")
    found: list[Tensor] = []
    names: set[str] = set()
    at = 0
    for item in given:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise MalformedTensors("", "every input must be an object with a name")
        name = item["name"]
        if name in names:
            raise MalformedTensors(name, "stands twice")
        names.add(name)
        parameters = _parameters(item, name)
        shape, datatype = _shape(item.get("shape"), name), item.get("datatype")
        if datatype != BYTES and (not isinstance(datatype, str) or datatype not in DTYPES):
            raise MalformedTensors(name, f"datatype must be one of {', '.join([*DTYPES, BYTES])}")
        size = parameters.get("binary_data_size")
        if size is None:
            values = _json_values(item.get("data"), datatype, name)
        elif type(size) is not int or not 0 <= size <= len(tail) - at or "data" in item:
            raise MalformedTensors(name, "binary_data_size does not fit the bytes that follow, or data is there too")
        else:
            values = _binary_values(tail[at : at + size], datatype, prod(shape), name)
            at += size
        if len(values) != prod(shape):
            raise MalformedTensors(name, f"has {len(values)} values, its shape {list(shape)} {prod(shape)}")
        found.append(Tensor(name, datatype, shape, _decoded(values, datatype, _content_type(parameters), name)))
    return found, len(tail) - at


def _shape(given: Any, name: str) -> tuple[int, ...]:
    whole = isinstance(given, list) and all(type(size) is int and 0 <= size <= MOST_VALUES for size in given)
    if not whole or not 1 <= len(given) <= 8 or prod(given) > MOST_VALUES:
        raise MalformedTensors(name, "shape must be a list of whole numbers, not too large")
    return tuple(given)


def _json_values(data: Any, datatype: str, name: str) -> list[Any]:
    """Flat values; nested lists are read row by row."""
    if not isinstance(data, list):
        raise MalformedTensors(name, "data must be a list")
    while data and all(isinstance(row, list) for row in data):
        data = [value for row in data for value in row]
    values: list[Any] = data
    for value in values:
        if value is not None and not _is_of(value, datatype):
            raise MalformedTensors(name, f"data has a value that is not {datatype}")
    return values


def _is_of(value: Any, datatype: str) -> bool:
    if datatype == BYTES:
        return isinstance(value, str)
    if datatype == "BOOL":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if datatype.startswith("FP"):
        return True
    if isinstance(value, float) and not value.is_integer():
        return False
    bounds = np.iinfo(DTYPES[datatype])
    return int(bounds.min) <= value <= int(bounds.max)


def _binary_values(data: bytes, datatype: str, n: int, name: str) -> list[Any]:
    if datatype == BYTES:
        return _texts(data, name)
    dtype = np.dtype(DTYPES[datatype])
    if len(data) != n * dtype.itemsize:
        raise MalformedTensors(name, f"has {len(data)} bytes, {n} values of {datatype} have {n * dtype.itemsize}")
    values = np.frombuffer(data, dtype)
    if dtype.kind == "f":
        return [None if missing else value for value, missing in zip(values.tolist(), np.isnan(values), strict=True)]
    return list(values.tolist())


def _texts(data: bytes, name: str) -> list[str]:
    """Each value with its length before it, 4 bytes little-endian."""
    found, at = [], 0
    try:
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if at + 4 + length > len(data):
                raise MalformedTensors(name, "a BYTES value is cut off")
            found.append(data[at + 4 : at + 4 + length].decode())
            at += 4 + length
    except struct.error as error:
        raise MalformedTensors(name, "a BYTES value is cut off") from error
    except UnicodeDecodeError as error:
        raise MalformedTensors(name, "a BYTES value is not UTF-8") from error
    return found


def _decoded(values: list[Any], datatype: str, content_type: str | None, name: str) -> list[Any]:
    """MLServer's content type of an input: Base64 is decoded to text, the others change nothing here."""
    if content_type != "base64" or datatype != BYTES:
        return values
    try:
        return [None if v is None else base64.b64decode(v, validate=True).decode() for v in values]
    except (binascii.Error, ValueError) as error:
        raise MalformedTensors(name, "a value is not Base64 of UTF-8") from error


def _wanted(given: Any, binary: bool) -> list[Wanted]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(o, dict) and isinstance(o.get("name"), str) for o in given):
        raise MalformedTensors("", "outputs must be a list of objects with a name")
    return [Wanted(o["name"], _flag(_parameters(o, o["name"]), "binary_data", o["name"], binary)) for o in given]


def _parameters(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise MalformedTensors(name, "parameters must be an object")
    return parameters


def _flag(parameters: Mapping[str, Any], key: str, name: str, default: bool = False) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise MalformedTensors(name, f"{key} must be true or false")
    return value


def _content_type(parameters: Mapping[str, Any]) -> str | None:
    value = parameters.get("content_type")
    return value if isinstance(value, str) else None


def write_response(head: dict[str, Any], outputs: Sequence[tuple[Output, bool]]) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON part where bytes follow it. `outputs`: with whether each is
    to be bytes.
    """
    described, tail = [], []
    for output, binary in outputs:
        item: dict[str, Any] = {
            "name": output.name, "shape": list(output.values.shape), "datatype": output.datatype,
        }  # fmt: skip
        if binary:
            data = _bytes_of(output)
            tail.append(data)
            item["parameters"] = {**output.parameters, "binary_data_size": len(data)}
        else:
            if output.parameters:
                item["parameters"] = output.parameters
            item["data"] = output.values.ravel().tolist()
        described.append(item)
    text = orjson.dumps({**head, "outputs": described})
    return (text + b"".join(tail), len(text)) if tail else (text, None)


def _bytes_of(output: Output) -> bytes:
    if output.datatype != BYTES:
        return output.values.astype(DTYPES[output.datatype]).tobytes()
    texts = [str(value).encode() for value in output.values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
