"""Whatever is sent is the sender's fault, answered in words and in proportion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.ingest.conftest import Ingest
from tests.unit.ingest.test_api import EVENTS, LABELS, event

RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
FIELD = st.sampled_from(
    ["event_id", "scheduled_at", "tail_number", "distance", "flight", "late", "label", "event_time", "entity"]
)


@given(body=st.dictionaries(FIELD, RUBBISH, max_size=6) | RUBBISH, route=st.sampled_from([EVENTS, LABELS]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_in_json_is_the_senders_fault(ingest: Ingest, body: Any, route: str) -> None:
    answer = ingest.client.post(route, content=json.dumps(body).encode())
    assert 200 <= answer.status_code < 500, answer.text


@given(body=st.binary(max_size=60), kind=st.sampled_from([None, "application/x-ndjson", "text/plain", ";;"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_in_bytes_is_the_senders_fault(ingest: Ingest, body: bytes, kind: str | None) -> None:
    answer = ingest.client.post(EVENTS, content=body, headers={"Content-Type": kind} if kind else {})
    assert 200 <= answer.status_code < 500, answer.text


HOSTILE = [
    b"[" * 20_000,
    b'{"event_id":' * 3_000,
    b'{"event_id": "a", "scheduled_at": 1' + b"0" * 5_000 + b"}",
    b'{"event_id": "a", "scheduled_at": NaN}',
    b'{"event_id": "a", "scheduled_at": 1e999}',
    b'{"event_id": "a", "scheduled_at": 0, "event_id": "b"}',
    b'{"event_id": "\\ud800", "scheduled_at": 0}',
    b'\xff\xfe{"event_id": 1}',
    b"",
    b"\xef\xbb\xbf",
    b'"' + b"x" * 40_000 + b'"',
    json.dumps({"event_id": "x" * 300, "scheduled_at": 0}).encode(),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:24]))
def test_hostile_bodies_are_refused_in_words(ingest: Ingest, body: bytes) -> None:
    answer = ingest.client.post(EVENTS, content=body)
    assert answer.status_code in (400, 422), answer.text
    assert len(answer.content) < 5_000
    assert ingest.sink.published == []


def test_of_very_many_reasons_the_first_hundred_are_told_and_the_other_items_named(ingest: Ingest) -> None:
    good, wrong = event("ok"), {f"field_{number}": 1 for number in range(20)}
    answer = ingest.client.post(EVENTS, json=[*[wrong] * 30, good, *[1] * 20])
    found = answer.json()
    assert (answer.status_code, found["event_ids"]) == (202, ["ok"])
    assert len(found["errors"]) == 100
    told = {error["index"] for error in found["errors"]}
    assert sorted(told | set(found["more_refused"])) == [place for place in range(51) if place != 30]
    assert not told & set(found["more_refused"])
    per_item = next(count for count in range(100) if found["errors"][count]["index"] == 1)
    assert found["more_errors"] == 30 * per_item + 20 - 100


@pytest.mark.parametrize("item", [{}, 1, [], {"distanc": 1}, {f"distanc{n}": 1 for n in range(30)}, "x" * 60])
def test_an_answer_is_not_much_larger_than_its_request(ingest: Ingest, item: Any) -> None:
    body = json.dumps([item] * 100).encode()
    answer = ingest.client.post(EVENTS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert len(answer.content) < 20_000 + 4 * len(body)
