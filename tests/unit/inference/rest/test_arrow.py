from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.inference.api import Client
from tests.unit.inference.fakes import MODEL, ROUTE, codec
from tests.unit.inference.rest_app import deployed, shipped_endpoints
from tidemill_inference.rest.protocols.arrow import ARROW

PREDICT = f"/v1/models/{MODEL}/predict"
HEADERS = {"Content-Type": ARROW}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    return Client(service.app, Authorization=f"Bearer {service.key}")


def rows(n: int, **columns: Any) -> pa.RecordBatch:
    given = {"carrier": ["UA"] * n, "dest": ["IAH"] * n, "distance": [float(i % 6_000) for i in range(n)]}
    return pa.record_batch(given | columns)


def stream(*batches: pa.RecordBatch, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def test_rows_in_columns_are_answered_in_columns_with_ids_version_and_epoch(client: Client) -> None:
    answer = client.post(PREDICT, content=stream(rows(3_000), rows(2_000)), headers=HEADERS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == ARROW
    assert (answer.headers["X-Model-Version"], answer.headers["X-Model-Epoch"]) == ("1", "1")
    with pa.ipc.open_stream(answer.content) as reader:
        table = reader.read_all()
    assert table.schema.metadata == {b"model": MODEL.encode()}
    assert table.column_names == ["prediction_id", "event_id", "version", "epoch", "probability", "label"]
    assert table.num_rows == 5_000
    assert table.column("probability").to_pylist() == [0.25] * 5_000
    assert len(set(table.column("prediction_id").to_pylist())) == 5_000


def test_an_error_names_the_row_of_the_whole_stream(client: Client) -> None:
    answer = client.post(PREDICT, content=stream(rows(2), rows(1, distance=[-1.0])), headers=HEADERS)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["index"], error["field"]) == (422, 2, "distance")
    assert (error["rule"], error["type"]) == ("expect_column_values_to_be_between", "double")


def test_dictionaries_are_read(client: Client) -> None:
    batch = rows(2, carrier=pa.array(["UA", "AA"]).dictionary_encode())
    assert client.post(PREDICT, content=stream(batch), headers=HEADERS).status_code == 200


def test_compressed_buffers_are_refused_before_they_are_unpacked(client: Client) -> None:
    batches = [rows(1_000), rows(1_000, carrier=pa.array(["UA", "AA"] * 500).dictionary_encode())]
    for batch in batches:
        for compression in ("zstd", "lz4"):
            answer = client.post(PREDICT, content=stream(batch, compression=compression), headers=HEADERS)
            assert (answer.status_code, answer.json()["error"]) == (400, "malformed_arrow")
            assert "compressed" in answer.json()["message"]


def test_too_many_rows_and_none_are_refused(client: Client) -> None:
    many = client.post(PREDICT, content=stream(rows(10_001)), headers=HEADERS)
    assert (many.status_code, many.json()["error"]) == (422, "too_many_instances")
    assert client.post(PREDICT, content=stream(rows(0)), headers=HEADERS).status_code == 422


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_streams_are_never_a_500(client: Client, data: st.DataObject) -> None:
    whole = bytearray(stream(rows(5, carrier=pa.array(["UA", None, "AA", "UA", "9E"]).dictionary_encode())))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    assert client.post(PREDICT, content=damaged, headers=HEADERS).status_code in (200, 400, 422)


def test_columns_are_logged_as_rows_are() -> None:
    endpoint = shipped_endpoints([MODEL])[MODEL]
    answered = endpoint.predict_columns(rows(2, tail_number=["N1", None], scheduled_at=[1_700_000_000_000] * 2))
    assert endpoint.keys(answered.records) == [b"N1", answered.prediction_ids[1].encode()]
    data = [codec().decode_one(value, ROUTE.record) for value in answered.records.encode(codec(), ROUTE.record)]
    assert [datum["scheduled_at"] for datum in data] == [1_700_000_000_000] * 2
    assert [datum["event_id"] for datum in data] == answered.event_ids == answered.prediction_ids
