"""Answers by Idempotency-Key: in Redis for all processes, in this process where there is none or while it is away."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from redis.asyncio import Redis

from tidemill.breaker import CircuitBreaker
from tidemill_ingest.idempotency import Attempt, Kept

TIMEOUT_S = 0.5
UNDER_WAY_S = 60
"""How long a request may be under way before another may take its place: its process has died."""
MOST_BYTES = 16 << 20
_DIGEST = 32

_log = logging.getLogger(__name__)


class LocalAnswers:
    """The newest answers, up to MOST_BYTES. Used in one event loop."""

    def __init__(self, ttl_s: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._monotonic_s = monotonic_s
        self._kept: OrderedDict[str, tuple[float, Kept]] = OrderedDict()
        self._bytes = 0

    async def begin(self, attempt: Attempt) -> Kept | None:
        until, kept = self._kept.get(attempt.name, (0.0, None))
        if kept is not None and self._monotonic_s() < until:
            return kept
        self._put(attempt.name, Kept(attempt.body), UNDER_WAY_S)
        return None

    async def finish(self, attempt: Attempt, status: int, answer: bytes) -> None:
        self._put(attempt.name, Kept(attempt.body, status, answer), self._ttl_s)

    async def forget(self, attempt: Attempt) -> None:
        self._take(attempt.name)

    def _put(self, name: str, kept: Kept, for_s: float) -> None:
        self._take(name)
        self._kept[name] = (self._monotonic_s() + for_s, kept)
        self._bytes += _size(kept)
        while self._bytes > MOST_BYTES:
            self._take(next(iter(self._kept)))

    def _take(self, name: str) -> None:
        _, kept = self._kept.pop(name, (0.0, None))
        self._bytes -= _size(kept) if kept is not None else 0


class SharedAnswers:
    """The same in Redis, over all processes."""

    def __init__(self, url: str, prefix: str, ttl_s: int, breaker: CircuitBreaker) -> None:
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._prefix = f"{prefix}tidemill-answers:"
        self._ttl_s = ttl_s
        self._local = LocalAnswers(ttl_s)
        self._breaker = breaker

    async def begin(self, attempt: Attempt) -> Kept | None:
        if self._breaker.allows():
            try:
                mine = Kept(attempt.body)
                found = await self._redis.set(
                    self._prefix + attempt.name, _written(mine), nx=True, ex=UNDER_WAY_S, get=True
                )
                self._breaker.succeeded()
                return _read(found) if isinstance(found, bytes) else None
            except Exception as error:  # noqa: BLE001 - the client's errors share no base: an outage, whatever its name
                self._failed(error)
        return await self._local.begin(attempt)

    async def finish(self, attempt: Attempt, status: int, answer: bytes) -> None:
        await self._local.finish(attempt, status, answer)
        if self._breaker.allows():
            try:
                kept = _written(Kept(attempt.body, status, answer))
                await self._redis.set(self._prefix + attempt.name, kept, ex=self._ttl_s)
                self._breaker.succeeded()
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error)

    async def forget(self, attempt: Attempt) -> None:
        await self._local.forget(attempt)
        if self._breaker.allows():
            try:
                await self._redis.delete(self._prefix + attempt.name)
                self._breaker.succeeded()
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._breaker.failed()
        _log.warning("answers are remembered in this process, Redis does not answer: %s", error)


def _written(kept: Kept) -> bytes:
    return kept.body + (kept.status or 0).to_bytes(2, "big") + kept.answer


def _read(data: bytes) -> Kept:
    status = int.from_bytes(data[_DIGEST : _DIGEST + 2], "big")
    return Kept(data[:_DIGEST], status or None, data[_DIGEST + 2 :])


def _size(kept: Kept) -> int:
    return 512 + len(kept.answer)
