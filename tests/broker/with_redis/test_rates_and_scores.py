"""Rates and the cache of scores against Redis itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.processes.redis_server import real_redis
from tests.unit.inference.fakes import FEATURE
from tests.unit.inference.rest.test_score_cache import World
from tidemill.access.limits.rates import SharedRates
from tidemill.breaker import CircuitBreaker

pytestmark = pytest.mark.needs("redis-server")


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    with real_redis(tmp_path) as socket:
        yield socket


def test_a_rate_holds_over_processes(socket: str) -> None:
    async def ask() -> list[int]:
        processes = [SharedRates(f"unix://{socket}", "t-", CircuitBreaker("redis")) for _ in range(2)]
        return [await processes[n % 2].wait_s("4/minute", "key:a") for n in range(6)]

    waits = asyncio.run(ask())
    assert waits[:4] == [0, 0, 0, 0]
    assert all(wait > 0 for wait in waits[4:])


def test_the_same_input_is_scored_once_and_rubbish_in_the_cache_is_no_answer(socket: str) -> None:
    world = World(f"unix://{socket}")
    first, second = world.ask({FEATURE: 100}, {FEATURE: 100.0})
    assert world.model.asked == 1
    assert first["probability"] == second["probability"]
    with redis.Redis(unix_socket_path=socket) as client:
        (key,) = client.keys("*")
        client.set(key, b"rubbish")
    (again,) = world.ask({FEATURE: 100})
    assert again["probability"] == first["probability"]
