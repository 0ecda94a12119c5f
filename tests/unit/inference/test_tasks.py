"""Every task in every protocol: classes and values as well as a probability."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.inference.api import Client
from tests.unit.inference.fakes import MODEL, SCHEMAS, SPECS
from tests.unit.inference.rest_app import deployed, endpoint_of
from tidemill_inference.rest.protocols.arrow import ARROW

THIRDS = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
TASKS = ["binary", "multiclass", "regression"]
ROW = {"carrier": "UA", "dest": "IAH", "distance": 1.0}


@pytest.fixture
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    spec = SPECS[MODEL]
    endpoint = endpoint_of(replace(spec, target=replace(spec.target, task=request.param)), SCHEMAS)
    service = deployed({MODEL: endpoint}, tmp_path)
    return Client(service.app, **{"X-API-Key": service.key})


def by_task(**values: Any) -> Any:
    return pytest.mark.parametrize(("client", "wanted"), list(values.items()), indirect=["client"])


@by_task(
    binary={"probability": 0.25, "label": False},
    multiclass={"label": "a", "probabilities": THIRDS},
    regression={"value": 0.25},
)
def test_json(client: Client, wanted: dict[str, Any]) -> None:
    answer = client.post(f"/v1/models/{MODEL}/predict", json=ROW).json()
    assert {name: answer[name] for name in wanted} == wanted


@by_task(
    binary={"probability": [0.25], "label": [False]},
    multiclass={"label": ["a"], "probabilities": [[("a", 1 / 3), ("b", 1 / 3), ("c", 1 / 3)]]},
    regression={"value": [0.25]},
)
def test_arrow(client: Client, wanted: dict[str, Any]) -> None:
    batch = pa.record_batch({name: [value] for name, value in ROW.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    body = sink.getvalue().to_pybytes()
    answer = client.post(f"/v1/models/{MODEL}/predict", content=body, headers={"Content-Type": ARROW})
    with pa.ipc.open_stream(answer.content) as reader:
        table = reader.read_all()
    assert {name: table.column(name).to_pylist() for name in wanted} == wanted


@by_task(
    binary={"probability": ([2], [0.25] * 2), "label": ([2], [False] * 2)},
    multiclass={"label": ([2], ["a"] * 2), "probabilities": ([2, 3], [1 / 3] * 6)},
    regression={"value": ([2], [0.25] * 2)},
)
def test_tensors(client: Client, wanted: dict[str, Any]) -> None:
    kinds = {"carrier": "BYTES", "dest": "BYTES", "distance": "FP64"}
    inputs = [{"name": n, "datatype": kinds[n], "shape": [2], "data": [v, v]} for n, v in ROW.items()]
    answer = client.post(f"/v2/models/{MODEL}/infer", json={"inputs": inputs}).json()
    found = {output["name"]: (output["shape"], output["data"]) for output in answer["outputs"]}
    assert {name: found[name] for name in wanted} == {name: (shape, data) for name, (shape, data) in wanted.items()}
    stated = {o["name"]: o["shape"] for o in client.get(f"/v2/models/{MODEL}").json()["outputs"]}
    assert {name: len(stated[name]) for name in wanted} == {name: len(shape) for name, (shape, _) in wanted.items()}
    binary = client.post(
        f"/v2/models/{MODEL}/infer", json={"inputs": inputs, "parameters": {"binary_data_output": True}}
    )
    length = int(binary.headers["Inference-Header-Content-Length"])
    at = length
    for output in json.loads(binary.content[:length])["outputs"]:
        data = binary.content[at : at + output["parameters"]["binary_data_size"]]
        at += len(data)
        if output["datatype"] == "FP64":
            assert np.frombuffer(data, "<f8").tolist() == found[output["name"]][1]
    assert at == len(binary.content)


@pytest.mark.parametrize("client", TASKS, indirect=True)
def test_the_description_has_the_tasks_own_answer(client: Client) -> None:
    document = client.get("/openapi.json").json()
    properties = document["components"]["schemas"][f"{MODEL}.prediction"]["properties"]
    answer = client.post(f"/v1/models/{MODEL}/predict", json=ROW).json()
    assert set(properties) == set(answer)
