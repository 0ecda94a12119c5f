"""Small bodies that would be huge: refused before anything is decoded, in little memory and time."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.inference.api import Client
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest.test_arrow import rows, stream
from tests.unit.inference.rest_app import deployed, shipped_endpoints
from tidemill_inference.rest.arrow_sizes import decoded_bytes
from tidemill_inference.rest.protocols.arrow import ARROW

PREDICT = f"/v1/models/{MODEL}/predict"
HEADERS = {"Content-Type": ARROW}
LONG = "a" * 500_000
MOST_RAISED = 64 << 20


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    return Client(service.app, Authorization=f"Bearer {service.key}")


def dictionary(kind: pa.DataType, n: int = 10_000, text: str = LONG) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array([text], kind))


def one_buffer(n: int) -> pa.Array:
    """Views that all look at one long text."""
    text = LONG.encode()
    view = np.frombuffer(len(text).to_bytes(4, "little") + text[:4] + bytes(8), np.uint8)
    return pa.Array.from_buffers(
        pa.string_view(), n, [None, pa.py_buffer(np.tile(view, n).tobytes()), pa.py_buffer(text)]
    )


def list_views(n: int) -> pa.Array:
    child = pa.array(["x" * 100_000])
    return pa.ListViewArray.from_arrays([0] * n, [1] * n, child)


BOMBS: dict[str, pa.Array] = {
    "a dictionary of one long text": dictionary(pa.string()),
    "a dictionary of one long text, large": dictionary(pa.large_string()),
    "a dictionary of one long view": dictionary(pa.string_view()),
    "a dictionary of bytes": pa.DictionaryArray.from_arrays(pa.array([0] * 10_000), pa.array([LONG.encode()])),
    "views of one buffer": one_buffer(10_000),
    "views of one list": list_views(10_000),
    "one run": pa.RunEndEncodedArray.from_arrays(pa.array([10_000], pa.int32()), pa.array([LONG])),
    "a list of dictionaries": pa.ListArray.from_arrays(list(range(10_001)), dictionary(pa.string())),
    "a struct of a dictionary": pa.StructArray.from_arrays([dictionary(pa.string())], ["a"]),
    "a list of fixed size": pa.FixedSizeListArray.from_arrays(pa.nulls(10_000 * 1_000), 1_000),
}


def asked(client: Client, body: bytes) -> Any:
    started = time.perf_counter()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    answer = client.post(PREDICT, content=gzip.compress(body), headers={**HEADERS, "Content-Encoding": "gzip"})
    raised = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    assert raised < MOST_RAISED
    assert time.perf_counter() - started < 5
    return answer


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_would_be_gigabytes_is_refused_before_it_is(client: Client, bomb: str) -> None:
    batch = rows(10_000, carrier=BOMBS[bomb])
    body = stream(batch)
    assert len(gzip.compress(body)) < 100_000
    answer = asked(client, body)
    assert answer.status_code in (413, 422), answer.text
    assert "at most" in answer.json()["message"] or "carrier" in answer.json()["message"]


def test_one_dictionary_for_many_batches_counts_with_each(client: Client) -> None:
    values = pa.array(["a" * 4_000_000, "b"])
    one = rows(1, carrier=pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), values))
    answer = asked(client, stream(*[one] * 500))
    assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")


def test_a_dictionary_that_grows_by_pieces_is_refused(client: Client) -> None:
    texts = [pa.array([str(k) for k in range(n + 1)]) for n in range(3)]
    grown = [rows(1, carrier=pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), each)) for each in texts]
    answer = asked(client, stream(*grown, emit_dictionary_deltas=True))
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed_arrow")
    assert "send each dictionary whole" in answer.json()["message"]


def test_a_stream_in_very_many_batches_is_refused(client: Client) -> None:
    answer = asked(client, stream(*[rows(0)] * 3_000))
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed_arrow")
    assert "fewer batches" in answer.json()["message"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["UA", None, "AA"] * 100).dictionary_encode(),
        pa.array(["UA", None, "a text longer than a view holds"] * 100, pa.string_view()),
        pa.array(["UA", "AA", "9E"] * 100, pa.large_string()).dictionary_encode(),
        pa.array(["UA", None, "9E"] * 100, pa.string_view()).dictionary_encode(),
        pa.nulls(300),
    ],
    ids=lambda values: str(values.type),
)
def test_what_is_encoded_and_small_is_answered(client: Client, values: pa.Array) -> None:
    answer = asked(client, stream(rows(300, tail_number=values)))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_the_decoded_size_is_at_least_that_of_the_values(offset: int) -> None:
    texts = ["aa", None, "b" * 100, "", "ccc"] * 20
    plain = pa.array(texts)[offset:]
    for column in (plain, plain.dictionary_encode(), pa.array(texts, pa.string_view())[offset:]):
        size = decoded_bytes(pa.record_batch({"a": column}))
        assert sum(len(text or "") for text in plain.to_pylist()) <= size <= 16 * len(plain) + 5_000


def test_unknown_columns_are_named_up_to_ten_and_the_others_counted(client: Client) -> None:
    wide = pa.record_batch({f"distanc{number}": [1.0] for number in range(3_000)})
    answer = asked(client, stream(wide))
    errors = answer.json()["errors"]
    assert (answer.status_code, len(errors)) == (422, 11)
    assert errors[0]["reason"] == "is not a field of the record; did you mean distance?"
    assert errors[10]["reason"] == "2990 more columns are not fields of the record"
