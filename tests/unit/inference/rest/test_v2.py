from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import numpy as np
import pytest

from tests.unit.inference.api import Client
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import deployed, shipped_endpoints

BASE = f"/v2/models/{MODEL}"
INFER = f"{BASE}/infer"
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    return Client(service.app, Authorization=f"Bearer {service.key}")


def tensor(name: str, datatype: str, *data: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": list(data)}


def flights(*distances: Any) -> list[dict[str, Any]]:
    n = len(distances)
    return [
        tensor("carrier", "BYTES", *["UA"] * n),
        tensor("dest", "BYTES", *["IAH"] * n),
        tensor("distance", "FP64", *distances),
    ]


def outputs(answer: Any) -> dict[str, Any]:
    return {output["name"]: output for output in answer.json()["outputs"]}


def test_server_and_model_say_what_they_are(client: Client) -> None:
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("tidemill", ["binary_tensor_data"])
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{BASE}/ready").json() == {"name": MODEL, "ready": True}
    for path in (BASE, f"{BASE}/versions/1"):
        metadata = client.get(path).json()
        assert metadata["versions"] == ["1"]
        types = {item["name"]: item["datatype"] for item in metadata["inputs"]}
        assert (types["carrier"], types["distance"], types["scheduled_at"]) == ("BYTES", "FP64", "INT64")
        assert [item["name"] for item in metadata["outputs"]] == [
            "probability", "prediction_id", "event_id", "label",
        ]  # fmt: skip


def test_tensors_of_json_are_answered_with_version_epoch_and_prediction_ids(client: Client) -> None:
    answer = client.post(INFER, json={"id": "r-7", "inputs": flights(100, 200.5, 300)})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["model_name"], document["model_version"], document["id"]) == (MODEL, "1", "r-7")
    assert document["parameters"]["epoch"] == 1
    assert (answer.headers["X-Model-Version"], answer.headers["X-Model-Epoch"]) == ("1", "1")
    assert answer.headers["X-Request-ID"]
    found = outputs(answer)
    assert (found["probability"]["datatype"], found["probability"]["shape"]) == ("FP64", [3])
    assert found["probability"]["data"] == [0.25] * 3
    assert len(set(found["prediction_id"]["data"])) == 3
    assert found["event_id"]["data"] == found["prediction_id"]["data"]


def test_columns_of_one_value_a_row_and_nested_data_are_the_same(client: Client) -> None:
    inputs = [
        tensor("carrier", "BYTES", ["UA"], ["AA"], shape=[2, 1]),
        tensor("dest", "BYTES", "IAH", "MIA", shape=[2, 1]),
        tensor("distance", "INT32", 1, 2),
    ]
    assert client.post(INFER, json={"inputs": inputs}).status_code == 200


def test_bytes_in_and_bytes_out(client: Client) -> None:
    distances = np.array([100.0, 200.0], dtype="<f4").tobytes()
    carriers = b"".join(struct.pack("<I", len(c)) + c for c in (b"UA", b"AA"))
    head = {
        "parameters": {"binary_data_output": True},
        "inputs": [
            {"name": "carrier", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(carriers)}},
            tensor("dest", "BYTES", "IAH", "MIA"),
            {"name": "distance", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": len(distances)}},
        ],
    }
    text = json.dumps(head).encode()
    answer = client.post(INFER, content=text + carriers + distances, headers={LENGTH: str(len(text))})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[LENGTH])
    document = json.loads(answer.content[:length])
    tail = answer.content[length:]
    sizes = [output["parameters"]["binary_data_size"] for output in document["outputs"]]
    assert sum(sizes) == len(tail)
    assert np.frombuffer(tail[: sizes[0]], "<f8").tolist() == [0.25, 0.25]
    (first,) = struct.unpack_from("<I", tail, sizes[0])
    assert first == 36  # a UUID as text


def test_outputs_are_those_that_were_asked_for_in_their_order(client: Client) -> None:
    wanted = [{"name": "event_id"}, {"name": "probability", "parameters": {"binary_data": True}}]
    answer = client.post(INFER, json={"inputs": flights(1.0), "outputs": wanted})
    document = json.loads(answer.content[: int(answer.headers[LENGTH])])
    assert [output["name"] for output in document["outputs"]] == ["event_id", "probability"]
    assert "data" in document["outputs"][0]
    unknown = client.post(INFER, json={"inputs": flights(1.0), "outputs": [{"name": "mood"}]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_output")


def test_a_missing_number_is_null_or_nan(client: Client) -> None:
    humidity = tensor("humidity", "FP64", None)
    answer = client.post(INFER, json={"inputs": [*flights(1.0), humidity]})
    assert answer.status_code == 200, answer.text
    answer = client.post(INFER, json={"inputs": [*flights(None)]})
    assert answer.json()["errors"][0]["rule"] == "expect_column_values_to_not_be_null"


def test_an_error_names_row_field_rule_and_type(client: Client) -> None:
    answer = client.post(INFER, json={"inputs": flights(1.0, -1.0)})
    assert answer.status_code == 422
    document = answer.json()
    assert "distance" in document["error"]
    assert document["code"] == "invalid_instance"
    (error,) = document["errors"]
    assert (error["index"], error["field"], error["rule"], error["type"]) == (
        1, "distance", "expect_column_values_to_be_between", "number",
    )  # fmt: skip


def test_a_matrix_without_names_is_the_features_in_their_order(client: Client) -> None:
    spec = shipped_endpoints([MODEL])[MODEL].spec
    values = {"carrier": "UA", "origin": "EWR", "dest": "IAH"}
    row = [values.get(feature.name) for feature in spec.features]
    matrix = {"name": "input-0", "datatype": "BYTES", "shape": [1, len(row)], "data": row}
    answer = client.post(INFER, json={"inputs": [matrix]})
    assert [error["field"] for error in answer.json()["errors"]] == ["distance"]  # the others were understood


def test_only_the_version_that_serves_is_there(client: Client) -> None:
    assert client.post(f"{BASE}/versions/1/infer", json={"inputs": flights(1.0)}).status_code == 200
    for number in ("2", "0", "one"):
        answer = client.post(f"{BASE}/versions/{number}/infer", json={"inputs": flights(1.0)})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")
    assert client.post("/v2/models/weather/infer", json={}).status_code == 404


@pytest.mark.parametrize(
    "inputs",
    [
        None, [], {}, [1], [{}], [{"name": 1}],
        [{"name": "distance", "datatype": "FP99", "shape": [1], "data": [1]}],
        [{"name": "distance", "datatype": "FP64", "shape": [2], "data": [1]}],
        [{"name": "distance", "datatype": "FP64", "shape": [-1], "data": [1]}],
        [{"name": "distance", "datatype": "FP64", "shape": [1, 1, 1], "data": [1]}],
        [{"name": "distance", "datatype": "FP64", "shape": [], "data": [1]}],
        [{"name": "distance", "datatype": "FP64", "shape": [0], "data": []}],
        [{"name": "distance", "datatype": "FP64", "shape": [1], "data": ["1"]}],
        [{"name": "distance", "datatype": "INT8", "shape": [1], "data": [300]}],
        [{"name": "distance", "datatype": "FP64", "shape": [1], "data": 1}],
        [{"name": "distance", "datatype": "FP64", "shape": [1], "data": [1], "parameters": 5}],
        [{"name": "distance", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}],
        [tensor("distance", "FP64", 1.0), tensor("distance", "FP64", 1.0)],
        [tensor("distance", "FP64", 1.0), tensor("carrier", "BYTES", "UA", "AA")],
        [tensor("colour", "BYTES", "red")],
        [tensor("distance", "FP64", 1.0, 2.0, shape=[1, 2])],
        [{**tensor("carrier", "BYTES", "%"), "parameters": {"content_type": "base64"}}],
    ],
)  # fmt: skip
def test_what_is_not_of_the_protocol_or_the_model_is_422_and_says_why(client: Client, inputs: Any) -> None:
    answer = client.post(INFER, json={"inputs": inputs})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]


def test_what_is_not_json_is_400_and_so_is_a_length_that_is_none(client: Client) -> None:
    assert client.post(INFER, content=b"{").status_code == 400
    assert client.post(INFER, content=b"{}", headers={LENGTH: "x"}).status_code == 400
    for length in ("3", "999"):
        assert client.post(INFER, content=b"{}", headers={LENGTH: length}).status_code in (400, 422)
    assert client.post(INFER, content=b"{}x", headers={LENGTH: "2"}).status_code == 422


def test_bodies_may_be_compressed_and_bombs_do_not_go_off(client: Client) -> None:
    body = json.dumps({"inputs": flights(1.0)}).encode()
    headers = {"Content-Encoding": "gzip"}
    assert client.post(INFER, content=gzip.compress(body), headers=headers).status_code == 200
    assert client.post(INFER, content=body, headers=headers).status_code == 400
    assert client.post(INFER, content=gzip.compress(body)[:-9], headers=headers).status_code == 400
    assert client.post(INFER, content=gzip.compress(b" " * (4 << 20)), headers=headers).status_code == 413
    assert client.post(INFER, content=body, headers={"Content-Encoding": "br"}).status_code == 415


def test_too_many_rows_are_refused_before_they_are_looked_at(client: Client) -> None:
    answer = client.post(INFER, json={"inputs": flights(*range(1_001))})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_instances")


@pytest.mark.parametrize("path", ["/v1", "//v1/models", "/v2/", "/v2/models/", "/V1/models", "/v2/repository/index"])
def test_every_path_that_is_not_open_by_name_is_closed(client: Client, path: str) -> None:
    assert client.get(path, headers={"Authorization": ""}).status_code == 401


def test_without_a_key_only_health_and_the_server_answer(client: Client) -> None:
    nobody = {"Authorization": ""}
    refused = client.get(BASE, headers=nobody)
    assert refused.status_code == 401
    assert (refused.json()["code"], "key" in refused.json()["error"]) == ("no_credential", True)
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/metrics", "/health/live"):
        assert client.get(path, headers=nobody).status_code == 200, path
