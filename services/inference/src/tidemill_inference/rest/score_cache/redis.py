"""Scores in Redis, beside the model: asked before it, filled after it, and done without while Redis is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tidemill.breaker import CircuitBreaker
from tidemill_inference import metrics

TIMEOUT_S = 0.05
"""A score takes less than a millisecond to compute: whoever waits longer for a cached one is better off without."""
MOST_WRITES = 256

_log = logging.getLogger(__name__)


class ScoreCache:
    """Scores by key for some `models`, of which there may come more. Used in one event loop."""

    def __init__(self, url: str, prefix: str, models: Collection[str], ttl_s: int, breaker: CircuitBreaker) -> None:
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._prefix = f"{prefix}tidemill-score:".encode()
        self._models = models
        self._ttl_s = ttl_s
        self._breaker = breaker
        self._writes: set[asyncio.Task[None]] = set()

    def covers(self, model: str) -> bool:
        """Whether the model's scores are cached."""
        return model in self._models

    async def get(self, model: str, keys: Sequence[bytes]) -> list[bytes] | None:
        """The values of all keys; None where one is missing or Redis does not answer in time."""
        if not self._breaker.allows():
            metrics.CACHE.labels(model, "away").inc(len(keys))
            return None
        try:
            found = await self._redis.mget([self._prefix + key for key in keys])
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            metrics.CACHE.labels(model, "away").inc(len(keys))
            return None
        self._breaker.succeeded()
        values = [value for value in found if isinstance(value, bytes)]
        hit = len(values) == len(keys)
        metrics.CACHE.labels(model, "hit" if hit else "miss").inc(len(keys))
        return values if hit else None

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Write in the background; dropped while Redis is away or slow."""
        if self._breaker.is_open or len(self._writes) >= MOST_WRITES:
            return
        task = asyncio.get_running_loop().create_task(self._put(dict(values)))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def settle(self) -> None:
        """Wait for the writes under way."""
        await asyncio.gather(*self._writes)

    async def _put(self, values: Mapping[bytes, bytes]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, value in values.items():
                    pipe.set(self._prefix + key, value, ex=self._ttl_s)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._breaker.failed()
        _log.warning("predictions go on without the cache, Redis does not answer: %s", error)
