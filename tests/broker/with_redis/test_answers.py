"""Answers by Idempotency-Key in Redis itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import redis

from tests.support.processes.redis_server import real_redis
from tidemill.breaker import CircuitBreaker
from tidemill_ingest.adapters.answers_kept import SharedAnswers
from tidemill_ingest.idempotency import Attempt, Kept

pytestmark = pytest.mark.needs("redis-server")
ATTEMPT = Attempt("a", b"b" * 32)


def test_of_many_processes_one_stores_a_request_and_all_give_its_answer(tmp_path: Path) -> None:
    with real_redis(tmp_path) as socket:

        async def run() -> None:
            processes = [SharedAnswers(f"unix://{socket}", "t-", 60, CircuitBreaker("redis")) for _ in range(8)]
            begun = await asyncio.gather(*(process.begin(ATTEMPT) for process in processes))
            assert begun.count(None) == 1
            await processes[begun.index(None)].finish(ATTEMPT, 202, b"{}")
            found = await asyncio.gather(*(process.begin(ATTEMPT) for process in processes))
            assert found == [Kept(b"b" * 32, 202, b"{}")] * 8

        asyncio.run(run())
        with redis.Redis(unix_socket_path=socket) as client:
            (key,) = client.keys("*")
            assert key == b"t-tidemill-answers:a"
            assert 0 < client.ttl(key) <= 60  # type: ignore[operator]
