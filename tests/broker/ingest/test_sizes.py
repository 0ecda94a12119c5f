from __future__ import annotations

from typing import Any

import httpx

from tests.broker.ingest.conftest import MODEL, Serve
from tests.support.polling import until

JSON = {"Content-Type": "application/json"}
EVENTS = f"/v1/events/{MODEL}"


def test_a_record_that_the_topic_takes_is_stored_and_a_larger_one_is_told(kafka: str, serve: Serve) -> None:
    server = serve(kafka)
    until(server.ready, 60, "ingest is ready")
    event = {"event_id": "a", "scheduled_at": 0, "tail_number": "N1"}
    fits, too_large = {**event, "dest": "D" * 1_030_000}, {**event, "event_id": "b", "dest": "D" * 1_060_000}
    answer = server.post(EVENTS, [fits, too_large])
    assert answer.status_code == 202
    assert answer.json()["event_ids"] == ["a"]
    (error,) = answer.json()["errors"]
    assert (error["index"], error["stored"]) == (1, False)
    assert "the most is" in error["reason"]
    assert [datum["event_id"] for _, _, datum, _ in server.read("raw")] == ["a"]


def test_an_endless_body_is_cut_off(kafka: str, serve: Serve) -> None:
    server = serve(kafka, max_body_bytes="100000")
    sent = 0

    def endless() -> object:
        nonlocal sent
        while sent < 500_000_000:
            sent += 65_536
            yield b" " * 65_536

    try:
        body: Any = endless()
        status = httpx.post(server.url + EVENTS, content=body, headers=JSON, timeout=20).status_code
    except httpx.TransportError:
        status = 413  # the connection was closed while the body was still being sent
    assert status == 413
    assert sent < 100_000_000
    assert server.alive()
