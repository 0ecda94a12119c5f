"""A request with an Idempotency-Key is stored once, however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.processes.redis_server import fake_redis
from tests.unit.ingest.conftest import Failure, Ingest
from tidemill.breaker import CircuitBreaker
from tidemill_ingest.adapters.answers_kept import MOST_BYTES, UNDER_WAY_S, LocalAnswers, SharedAnswers
from tidemill_ingest.idempotency import Attempt, Kept, attempt_of, event_ids
from tidemill_ingest.web.api import create_app

EVENTS = "/v1/events/flight-delay?make_ids=true"
ITEM = {"scheduled_at": 1_700_000_000_000}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client(ingest: Ingest) -> TestClient:
    async def ready() -> str | None:
        return None

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    app = create_app(
        ingest.service, ready, lifespan, max_body_bytes=50_000, retry_after_s=7, answers=LocalAnswers(60)
    )  # fmt: skip
    return TestClient(app)


def post(client: TestClient, key: str, body: Any, path: str = EVENTS) -> Any:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def test_a_request_that_is_sent_again_is_answered_as_before_and_stored_once(client: TestClient, ingest: Ingest) -> None:
    first, second = post(client, "k-1", [ITEM, ITEM]), post(client, '"k-1"', [ITEM, ITEM])
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(ingest.sink.published) == 2
    assert len(set(first.json()["event_ids"])) == 2


def test_another_key_or_route_is_another_request_and_another_body_is_an_error(
    client: TestClient, ingest: Ingest
) -> None:
    assert post(client, "k-1", ITEM).json() != post(client, "k-2", ITEM).json()
    assert post(client, "k-1", {"a": 1}, "/v1/labels/flight-delay").status_code == 422
    reused = post(client, "k-1", [ITEM])
    assert (reused.status_code, reused.json()["error"]) == (422, "key_reused")
    assert len(ingest.sink.published) == 2


def test_what_was_not_stored_may_be_tried_again_with_the_same_ids(client: TestClient, ingest: Ingest) -> None:
    ingest.sink.failures[0] = Failure("not in time", stored=None)
    failed = post(client, "k-1", ITEM)
    assert failed.status_code == 503
    ingest.sink.failures.clear()
    again = post(client, "k-1", ITEM)
    assert (again.status_code, again.json()["event_ids"]) == (202, [failed.json()["errors"][0]["event_id"]])


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 201, "a\tb"])
def test_a_key_that_is_none_is_refused(client: TestClient, ingest: Ingest, key: str) -> None:
    answer = post(client, key, ITEM)
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed_key")
    assert ingest.sink.published == []


def attempt(name: str, body: bytes = b"b" * 32) -> Attempt:
    return Attempt(name, body)


def test_a_second_request_while_the_first_is_under_way_finds_it_until_its_process_must_have_died() -> None:
    clock = Clock()
    answers = LocalAnswers(60, clock)

    async def run() -> list[Kept | None]:
        found = [await answers.begin(attempt("a")), await answers.begin(attempt("a"))]
        clock.now = UNDER_WAY_S + 1
        return [*found, await answers.begin(attempt("a"))]

    assert asyncio.run(run()) == [None, Kept(b"b" * 32), None]


def test_answers_are_remembered_in_bounded_memory_and_time() -> None:
    clock = Clock()
    answers = LocalAnswers(60, clock)

    async def run() -> None:
        for number in range(100):
            await answers.finish(attempt(str(number)), 202, bytes(MOST_BYTES // 20))
        found = [await answers.begin(attempt(str(number))) for number in range(99, -1, -1)]
        kept = [answer for answer in found if answer is not None]
        assert 0 < len(kept) < 20 and kept == found[: len(kept)], "the newest, as many as there is room for"
        assert kept[0] == Kept(b"b" * 32, 202, bytes(MOST_BYTES // 20))
        clock.now = 61
        assert await answers.begin(attempt("99")) is None

    asyncio.run(run())


def test_ids_follow_from_caller_model_and_key() -> None:
    def ids(caller: str = "key:a", model: str = "m", key: str = "k", body: bytes = b"") -> list[str]:
        made = event_ids(attempt_of(key, caller, "raw", model, "application/json", body))
        return [next(made) for _ in range(3)]

    assert ids() == ids(body=b"other")
    found = [*ids(), *ids(caller="key:b"), *ids(model="n"), *ids(key="l")]
    assert len(set(found)) == 12


def test_processes_share_answers_and_go_on_alone_while_redis_is_away() -> None:
    with fake_redis() as url:

        async def run() -> None:
            one, two = (SharedAnswers(url, "t-", 60, CircuitBreaker("redis")) for _ in range(2))
            assert await one.begin(attempt("a")) is None
            assert await two.begin(attempt("a")) == Kept(b"b" * 32)
            await one.finish(attempt("a"), 202, b"{}")
            assert await two.begin(attempt("a", b"c" * 32)) == Kept(b"b" * 32, 202, b"{}")
            assert await one.begin(attempt("c")) is None
            await one.forget(attempt("c"))
            assert await two.begin(attempt("c")) is None

        asyncio.run(run())

    async def alone() -> None:
        answers = SharedAnswers("redis://127.0.0.1:1/0", "t-", 60, CircuitBreaker("redis"))
        assert await answers.begin(attempt("a")) is None
        await answers.finish(attempt("a"), 202, b"{}")
        assert await answers.begin(attempt("a")) == Kept(b"b" * 32, 202, b"{}")

    asyncio.run(alone())
