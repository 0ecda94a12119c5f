"""Asks for predictions as other people's tools do: tritonclient and MLServer's own types and codecs, as they are.

Runs in an environment of its own: `python client.py HOST:PORT KEY MODEL`; prints what it found as JSON.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import tritonclient.http as triton
from mlserver.codecs import NumpyCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, MetadataServerResponse

CARRIERS, DESTINATIONS, DISTANCES = ["UA", "AA", "9E"], ["IAH", "MIA", "ORD"], [1400.0, 1089.0, 733.0]
COMPRESSIONS = (None, "gzip", "deflate")
NUMBER_TYPES = {"FP64": np.float64, "FP32": np.float32, "INT64": np.int64, "INT32": np.int32, "UINT16": np.uint16}


def ask_triton(address: str, key: str, model: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    client = triton.InferenceServerClient(address)
    found: dict[str, Any] = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model, headers=dict(headers)),
        "server": client.get_server_metadata()["name"],
        "inputs": [item["name"] for item in client.get_model_metadata(model, headers=dict(headers))["inputs"]],
        "answers": {},
    }
    ways = product((True, False), (True, False), NUMBER_TYPES, COMPRESSIONS)
    for binary_in, binary_out, datatype, compression in ways:
        wanted = [triton.InferRequestedOutput(n, binary_data=binary_out) for n in ("probability", "prediction_id")]
        answer = client.infer(
            model, triton_inputs(binary_in, datatype), outputs=wanted, headers=dict(headers), request_id="r-1",
            request_compression_algorithm=compression, response_compression_algorithm=compression,
        )  # fmt: skip
        ids = answer.as_numpy("prediction_id")
        found["answers"][f"in {binary_in} out {binary_out} {datatype} {compression}"] = [
            answer.as_numpy("probability").tolist(),
            [text.decode() if isinstance(text, bytes) else text for text in ids],
            answer.get_response()["id"],
            answer.get_response()["model_version"],
        ]
    every = client.infer(model, triton_inputs(True, "FP64"), headers=dict(headers), model_version="1")
    found["every"] = [output["name"] for output in every.get_response()["outputs"]]
    try:
        client.infer(model, triton_inputs(True, "FP64")[:1], headers=dict(headers))
    except triton.InferenceServerException as error:
        found["error"] = [error.status(), error.message()]
    return found


def triton_inputs(binary: bool, datatype: str) -> list[triton.InferInput]:
    values = {
        "carrier": ("BYTES", np.array(CARRIERS, dtype=object)),
        "dest": ("BYTES", np.array(DESTINATIONS, dtype=object)),
        "distance": (datatype, np.array(DISTANCES, dtype=NUMBER_TYPES[datatype])),
    }
    inputs = []
    for name, (kind, array) in values.items():
        tensor = triton.InferInput(name, list(array.shape), kind)
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    return inputs


def ask_mlserver(address: str, key: str, model: str) -> dict[str, Any]:
    frame = pd.DataFrame({"carrier": CARRIERS, "dest": DESTINATIONS, "distance": DISTANCES})
    encoded = {
        "pandas": PandasCodec.encode_request(frame),
        "pandas text": PandasCodec.encode_request(frame, use_bytes=False),
        "numpy": InferenceRequest(
            inputs=[
                StringCodec.encode_input("carrier", CARRIERS),
                StringCodec.encode_input("dest", DESTINATIONS, use_bytes=False),
                NumpyCodec.encode_input("distance", np.array(DISTANCES)),
            ]
        ),
        "numpy column": InferenceRequest(
            inputs=[
                StringCodec.encode_input("carrier", CARRIERS),
                StringCodec.encode_input("dest", DESTINATIONS),
                NumpyCodec.encode_input("distance", np.array(DISTANCES, dtype=np.float32).reshape(3, 1)),
            ]
        ),
    }
    found: dict[str, Any] = {}
    for name, request in encoded.items():
        body = request.model_dump_json(exclude_none=True).encode()
        answer = InferenceResponse.model_validate_json(call(f"{address}/v2/models/{model}/infer", key, body))
        decoded = PandasCodec.decode_response(answer)
        by_name = {output.name: output for output in answer.outputs}
        found[name] = {
            "frame": decoded["probability"].tolist(),
            "numpy": NumpyCodec.decode_output(by_name["probability"]).ravel().tolist(),
            "ids": StringCodec.decode_output(by_name["prediction_id"]),
            "version": answer.model_version,
        }
    MetadataServerResponse.model_validate_json(call(f"{address}/v2", key))
    metadata = MetadataModelResponse.model_validate_json(call(f"{address}/v2/models/{model}", key))
    found["metadata"] = [metadata.name, metadata.platform, metadata.versions]
    return found


def call(url: str, key: str, body: bytes | None = None) -> bytes:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{url}", body, headers), timeout=30) as answer:
        data: bytes = answer.read()
    return data


if __name__ == "__main__":
    print(json.dumps({"triton": ask_triton(*sys.argv[1:]), "mlserver": ask_mlserver(*sys.argv[1:])}))
