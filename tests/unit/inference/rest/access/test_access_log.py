"""The access log of *serve*: the same line on both ways to an answer, whatever the answer is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.support.polling import until
from tests.unit.inference.rest.test_protocol import GOOD, JSON, ONE, PREDICT, exchange, request_of
from tests.unit.inference.rest_app import Deployed, deployed, served, shipped_endpoints
from tidemill.access.log.lines import LOGGER, AccessLog
from tidemill.telemetry.logs import JsonFormatter

MINE, OTHER = "flight-delay", "telecom-churn"
TRACE = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SECRET = "planted"


@dataclass(frozen=True)
class World:
    """The service with the short cut and without it; `lines` takes what has been written since it was last asked."""

    service: Deployed
    lean: str
    whole: str
    file: Path

    def lines(self, expected: int) -> list[dict[str, Any]]:
        def found() -> list[str]:
            return self.file.read_text(encoding="utf-8").splitlines()

        until(lambda: len(found()) >= expected, 10, "the lines are written")
        lines = [json.loads(line) for line in found()]
        self.file.write_text("", encoding="utf-8")
        return lines


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, endpoints = tmp_path_factory.mktemp("access"), shipped_endpoints([MINE, OTHER])
    handler = logging.FileHandler(folder / "log.jsonl", encoding="utf-8")
    handler.setFormatter(JsonFormatter("inference-serve"))
    logging.getLogger(LOGGER).addHandler(handler)
    with AccessLog(endpoints.__contains__) as log:
        service = deployed(endpoints, folder, access_log=log)
        with served(service) as lean, served(replace(service, protocol=HttpToolsProtocol)) as whole:
            yield World(service, lean, whole, folder / "log.jsonl")
    logging.getLogger(LOGGER).removeHandler(handler)
    handler.close()


def both(world: World, data: bytes) -> dict[str, Any]:
    """The line of a request, which both ways write but for what no two requests share."""
    found = []
    for way in (world.lean, world.whole):
        exchange(way, data)
        (line,) = world.lines(1)
        assert line.pop("ts") and line.pop("request_id") and line.pop("ms") > 0
        found.append(line)
    assert found[0] == found[1]
    return found[0]


def key(world: World, *scopes: str, rate: str | None = None) -> str:
    return f"X-API-Key: {world.service.new_key(*scopes, rate=rate)}"


def test_an_answer_is_written_with_its_caller_model_trace_and_sizes(world: World) -> None:
    header = key(world, "predict")
    line = both(world, request_of(ONE, header, JSON, TRACE))
    assert line["caller"] == f"key:{header[len('X-API-Key: tm_') :].partition('_')[0]}"
    assert (line["method"], line["path"], line["model"]) == ("POST", "/v1/models/{model}/predict", MINE)
    assert (line["status"], line["refused"], line["client"]) == (200, None, "127.0.0.1")
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert line["bytes_in"] == len(ONE)
    ((_, _, body),) = exchange(world.lean, request_of(ONE, header, JSON))
    world.lines(1)
    assert line["bytes_out"] == len(body)


def test_a_request_that_brings_no_trace_is_written_with_the_one_it_was_given(world: World) -> None:
    for way in (world.lean, world.whole):
        ((_, headers, _),) = exchange(way, request_of(ONE, key(world, "predict"), JSON, "X-Request-ID: mine"))
        (line,) = world.lines(1)
        assert line["trace_id"] == headers[b"traceparent"].decode()[3:35]
        assert line["request_id"] == "mine"


def test_who_is_refused_is_written_and_why(world: World) -> None:
    def refused(*headers: str) -> tuple[Any, ...]:
        for way in (world.lean, world.whole):
            ((answered, _, _),) = exchange(way, request_of(ONE, JSON, *headers))
        first, second = world.lines(2)
        told = [(line["status"], line["refused"], line["caller"], line["model"]) for line in (first, second)]
        assert told[0] == told[1]
        assert told[0][0] == int(answered.split()[1])
        return told[0]

    narrow, slow = key(world, f"predict:{OTHER}"), key(world, "predict", rate="1/hour")
    assert refused() == (401, "no_credential", None, MINE)
    assert refused(f"X-API-Key: tm_{'0' * 12}_{'x' * 43}") == (401, "bad_credential", None, MINE)
    assert refused(narrow) == (403, "missing_scope", f"key:{narrow[14:26]}", MINE)
    exchange(world.lean, request_of(ONE, JSON, slow))
    world.lines(1)
    assert refused(slow) == (429, "too_many_requests", f"key:{slow[14:26]}", MINE)
    assert refused("Host: evil.example.org")[:3] == (403, "unknown_host", None)


def test_no_secret_no_body_and_no_query_is_ever_written(world: World) -> None:
    header = key(world, "predict")
    body = json.dumps({**GOOD, "tail_number": SECRET, "event_id": SECRET}).encode()
    wrong = json.dumps({**GOOD, SECRET: SECRET, "distance": SECRET}).encode()
    asked = [
        request_of(body, header, JSON),
        request_of(wrong, header, JSON),
        request_of(b"{" + SECRET.encode(), header, JSON),
        request_of(body, header, JSON, path=f"{PREDICT}?token={SECRET}"),
        request_of(body, header, JSON, path=f"/v1/models/{SECRET}/predict"),
        request_of(body, header, JSON, path=f"/{SECRET}"),
        request_of(body, header, JSON, f"Referer: {SECRET}", f"Cookie: {SECRET}", f"User-Agent: {SECRET}"),
        request_of(body, f"Authorization: Bearer {SECRET}", JSON),
        request_of(body, header, JSON, f"X-Forwarded-For: {SECRET}", f"traceparent: {SECRET}"),
        request_of(b"", header, method="GET", path=f"/v2/models/{MINE}/versions/{SECRET}"),
    ]
    for data in asked:
        for way in (world.lean, world.whole):
            exchange(way, data)
    lines = world.lines(2 * len(asked))
    assert len(lines) == 2 * len(asked)
    text = json.dumps(lines)
    assert SECRET not in text
    assert header.rpartition("_")[2] not in text
    assert {line["path"] for line in lines} == {
        "/v1/models/{model}/predict", "unmatched", "/v2/models/{model}/versions/{number}",
    }  # fmt: skip


def test_what_reads_data_is_written_and_what_is_open_to_all_is_not(world: World) -> None:
    header = key(world, "predict")
    opened = ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs", "/v2", "/v2/health/live"]
    asked = ["/v1/models", f"/v1/models/{MINE}", f"/v2/models/{MINE}", f"/v2/models/{MINE}/ready", "/nowhere"]
    for path in (*opened, *asked):
        exchange(world.lean, request_of(b"", header, method="GET", path=path))
    assert [(line["path"], line["model"]) for line in world.lines(len(asked))] == [
        ("/v1/models", None), ("/v1/models/{model}", MINE), ("/v2/models/{model}", MINE),
        ("/v2/models/{model}/ready", MINE), ("unmatched", None),
    ]  # fmt: skip
