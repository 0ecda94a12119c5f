from __future__ import annotations

import signal
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.broker.inference.world import FEATURE, MODEL, TRACE, Process, World, ready
from tests.support.models.toy_models import toy_probability
from tests.support.polling import until
from tidemill_cli.app import cli

PREDICT = f"/v1/models/{MODEL}/predict"


def test_rest_is_ready_with_its_first_version_and_logs_what_it_answers(world: World) -> None:
    server = world.start("serve")
    with httpx.Client(base_url=server.address(), timeout=10) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        early = client.post(PREDICT, json={FEATURE: 1.0})
        assert early.status_code == 503
        assert early.headers["Retry-After"] == "2"

        world.release(1)
        until(lambda: client.get("/health/ready").status_code == 200, 60, "it is ready")
        instance = {
            "event_id": "mine",
            "scheduled_at": "2013-01-01T05:15:00-05:00",
            "tail_number": "N7",
            FEATURE: 2.0,
        }
        one = client.post(PREDICT, json=instance, headers={"traceparent": TRACE.decode(), "X-Request-ID": "r-1"})
        assert one.status_code == 200, one.text
        assert one.json()["probability"] == pytest.approx(toy_probability(1, 2.0), abs=1e-6)
        assert one.headers["X-Request-ID"] == "r-1"
        assert one.headers["X-Model-Version"] == "1"
        assert one.headers["traceparent"][3:35] == TRACE.decode()[3:35]
        several = client.post(PREDICT, json={"instances": [{FEATURE: 1.0}, {FEATURE: -1.0}]}).json()["predictions"]
        assert several[1]["event_id"] == several[1]["prediction_id"]

        found = until(lambda: rows if len(rows := world.predictions()) == 3 else None, 60, "predictions are logged")
        logged = next(row for row in found if row["event_id"] == "mine")
        assert (logged["source"], logged["version"], logged["epoch"], logged["key"]) == ("rest", 1, 1, b"N7")
        assert logged["prediction_id"] == one.json()["prediction_id"]
        assert logged["headers"]["traceparent"].decode()[3:35] == TRACE.decode()[3:35]
        datum = world.codec.decode_one(logged["input"], world.schemas.record(MODEL))
        assert (datum["event_id"], datum[FEATURE], datum["scheduled_at"]) == ("mine", 2.0, 1_357_035_300_000)
        assert logged["caller"] is None  # where nobody is asked who it is
        other = next(row for row in found if row["event_id"] == several[1]["event_id"])
        assert other["key"] == several[1]["event_id"].encode()

        metrics = client.get("/metrics").text
        assert f'model_version{{model="{MODEL}"}} 1.0' in metrics
        assert f'model_predictions_total{{model="{MODEL}",source="rest",version="1"}} 3.0' in metrics
        assert 'http_request_errors_total{method="POST",path="/v1/models/{model}/predict",status="503"} 1.0' in metrics
        assert "http_request_duration_seconds_bucket" in metrics
        assert "model_prediction_duration_seconds_bucket" in metrics
    assert server.stop() == 0, server.told()


def test_versions_swap_under_traffic_without_a_failed_request(world: World) -> None:
    server = world.start("serve")
    world.release(1)
    address = server.address()
    until(lambda: ready(address), 60, "it is ready")
    answers: list[tuple[int, dict[str, Any], str]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=10) as client:
            while not stop.is_set():
                answer = client.post(PREDICT, json={FEATURE: 1.0})
                answers.append((answer.status_code, answer.json(), answer.headers["X-Model-Version"]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in (2, 3):
        world.release(version)
        until(lambda v=version: answers and answers[-1][1]["version"] == v, 60, f"version {version} serves")
    described = httpx.get(f"{address}/v1/models/{MODEL}").json()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert server.stop() == 0, server.told()
    assert described["version"] == 3
    assert [(swap["from"], swap["to"]) for swap in described["history"]] == [(None, 1), (1, 2), (2, 3)]
    assert 0 <= described["swap_ms"] < 5_000
    assert Counter(status for status, _, _ in answers) == {200: len(answers)}
    for _, body, version in answers:
        assert body["probability"] == pytest.approx(toy_probability(body["version"], 1.0), abs=1e-6)
        assert version == str(body["version"])
    assert len(world.predictions()) == len(answers)


def test_a_restarted_server_answers_with_the_version_published_while_it_was_down_and_never_an_older_one(
    world: World,
) -> None:
    for version in (1, 2):
        world.release(version)
    server = world.start("serve")
    address = server.address()
    until(lambda: ready(address), 60, "it is ready")
    described = httpx.get(f"{address}/v1/models/{MODEL}").json()
    assert (described["version"], described["swap_ms"]) == (2, None)
    server.kill()
    world.release(3)
    answers: list[tuple[int, str]] = []
    with httpx.Client(base_url=world.start("serve").address(), timeout=10) as client:

        def asks() -> bool:
            is_ready = client.get("/health/ready").status_code == 200
            answer = client.post(PREDICT, json={FEATURE: 1.0})
            answers.append((answer.status_code, answer.headers.get("X-Model-Version", "none")))
            return is_ready

        until(asks, 60, "it is ready again", every=0.005)
    assert answers[-1] == (200, "3") and set(answers) <= {(503, "none"), (200, "3")}


def test_a_stop_answers_what_is_in_flight_and_ends_cleanly(world: World) -> None:
    world.release(1)
    server = world.start("serve")
    address = httpx.URL(server.address())
    until(lambda: ready(str(address)), 60, "it is ready")
    body = b'{"distance": 1.0}'
    with socket.create_connection((address.host, address.port or 80), timeout=10) as connection:
        lines = [f"POST {PREDICT} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        connection.sendall(head.encode() + body[:5])
        until(lambda: httpx.get(f"{address}/health/live").status_code == 200, 60, "it has begun to read")
        server.popen.send_signal(signal.SIGTERM)
        until(lambda: refuses(address), 60, "it takes no new connections")
        connection.sendall(body[5:])
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"probability"' in answer
    assert server.popen.wait(20) == 0, server.told()
    assert len(world.predictions()) == 1


def refuses(address: httpx.URL) -> bool:
    """Whether nothing listens there any more."""
    try:
        socket.create_connection((address.host, address.port or 80), timeout=1).close()
    except OSError:
        return True
    return False


def test_with_access_on_a_key_made_by_command_line_is_asked_for_and_a_revoked_one_ends_and_the_access_log_has_it_all(
    world: World, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'tidemill.db'}"
    environment = {"TIDEMILL_DATABASE_URL": url, "TIDEMILL_KAFKA_BOOTSTRAP": world.settings.kafka_bootstrap}

    def keys(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["keys", *arguments], env=environment)
        assert done.exit_code == 0, done.output
        return done.output.strip().splitlines()[-1]

    server = world.start(
        "serve", auth="on", database_url=url, keys_refresh_s=0.2, access_log="on", prediction_lines="ids"
    )
    with httpx.Client(base_url=server.address(), timeout=10) as client:
        world.release(1)
        until(lambda: client.get("/health/ready").status_code == 200, 20, "it is ready")
        assert client.post(PREDICT, json={FEATURE: 1.0}).status_code == 401
        key = keys("create", "test", "--scope", f"predict:{MODEL}", "--rate", "3/hour")
        headers = {"Authorization": f"Bearer {key}"}

        def asks() -> int:
            return client.post(PREDICT, json={FEATURE: 1.0}, headers=headers).status_code

        until(lambda: asks() == 200, 20, "the key holds")
        until(lambda: asks() == 429, 20, "its rate is used up")
        keys("revoke", key.split("_")[1])
        until(lambda: asks() == 401, 20, "the revoked key ends")
    assert server.stop() == 0, server.told()
    logged = until(lambda: written if (written := access_lines(server))[-1:] == [(401, None)] else None, 10, "its end")
    caller = f"key:{key.split('_')[1]}"
    assert set(logged) == {(401, None), (200, caller), (429, caller)}
    assert logged.count((200, caller)) == 3
    predictions = until(lambda: rows if len(rows := world.predictions()) == 3 else None, 60, "they are logged")
    assert {row["caller"] for row in predictions} == {caller}
    lines = {line["prediction_id"]: line for line in server.lines if line["logger"] == "tidemill.predictions"}
    assert {row["prediction_id"]: row["caller"] for row in predictions} == {k: v["caller"] for k, v in lines.items()}


def access_lines(server: Process) -> list[tuple[int, str | None]]:
    """Status and caller of each line of its access log."""
    return [(line["status"], line["caller"]) for line in server.lines if line["logger"] == "tidemill.access_log"]
