from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from tests.broker.ingest.conftest import MODEL, Serve
from tests.support.polling import until
from tidemill.kafka.client.clients import producer_config

EVENTS, LABELS = f"/v1/events/{MODEL}", f"/v1/labels/{MODEL}"
AT = "2013-01-31T17:05:00Z"


def event(event_id: str, **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "scheduled_at": AT, "tail_number": f"N{event_id}", **fields}


def test_what_is_accepted_is_on_the_topic_under_its_entity_and_the_access_log_has_its_trace(
    kafka: str, serve: Serve, tmp_path: Path
) -> None:
    server = serve(kafka, access_log="on", log_level="ERROR")
    until(server.ready, 60, "ingest is ready")
    items = [event(f"e{k}") for k in range(50)]
    answer = server.post(EVENTS, items)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 50)
    lines = "\n".join(
        json.dumps({"event_id": f"e{k}", "label": True, "event_time": AT, "entity": f"Ne{k}"}) for k in range(50)
    )
    headers = {"Content-Type": "application/x-ndjson"}
    assert httpx.post(server.url + LABELS, content=lines, headers=headers, timeout=20).status_code == 202
    raw, labels = server.read("raw"), server.read("labels_raw")
    assert sorted(key or b"" for _, key, _, _ in raw) == sorted(f"Ne{k}".encode() for k in range(50))
    assert {datum["event_id"]: p for p, _, datum, _ in raw} == {datum["event_id"]: p for p, _, datum, _ in labels}
    traces = [{(headers["traceparent"] or b"")[3:35].decode() for *_, headers in found} for found in (raw, labels)]
    assert server.stop() == 0
    told = [json.loads(line) for line in (tmp_path / "ingest.log").read_text().splitlines()]
    assert [(line["status"], line["path"], line["model"], {line["trace_id"]}) for line in told] == [
        (202, "/v1/events/{model}", MODEL, traces[0]), (202, "/v1/labels/{model}", MODEL, traces[1]),
    ]  # fmt: skip


def test_a_key_goes_to_the_partition_that_other_producers_choose(kafka: str, serve: Serve) -> None:
    server = serve(kafka)
    until(server.ready, 60, "ingest is ready")
    server.post(EVENTS, [event(f"{k}") for k in range(100)])
    ours = {key: partition for partition, key, _, _ in server.read("raw")}
    theirs: dict[bytes | None, int | None] = {}
    producer = Producer(producer_config(server.settings))
    for key in ours:
        producer.produce(
            server.topics.name("raw_dlq", MODEL),
            b"x",
            key,
            on_delivery=lambda _, m: theirs.update({m.key(): m.partition()}),
        )
    assert producer.flush(20) == 0
    assert len(ours) == 100
    assert ours == theirs


def test_without_a_broker_nothing_is_called_accepted(serve: Serve) -> None:
    server = serve("127.0.0.1:9", topics_exist=False, delivery_timeout_ms="500")
    assert not server.ready()
    answer = server.post(EVENTS, event("a"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    body = answer.json()
    assert (body["accepted"], body["event_ids"], body["errors"][0]["event_id"]) == (0, [], "a")
    assert server.post(EVENTS, {"event_id": 1}).status_code == 422
    assert server.stop() == 0


def test_a_stop_under_load_loses_nothing_that_was_accepted(kafka: str, serve: Serve) -> None:
    server = serve(kafka)
    until(server.ready, 60, "ingest is ready")
    accepted: list[str] = []

    def push(thread: int) -> None:
        with httpx.Client(base_url=server.url, timeout=20) as client:
            for turn in range(10_000):
                items = [event(f"{thread}-{turn}-{k}") for k in range(20)]
                try:
                    answer = client.post(EVENTS, json=items)
                except httpx.TransportError:
                    return
                accepted.extend(answer.json().get("event_ids", []) if answer.status_code in (202, 503) else [])

    threads = [threading.Thread(target=push, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(accepted) > 500, 60, "some events are accepted")
    assert server.stop() == 0
    for thread in threads:
        thread.join(timeout=60)
    stored = [datum["event_id"] for _, _, datum, _ in server.read("raw")]
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
