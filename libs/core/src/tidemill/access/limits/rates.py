"""Rates per caller, by `limits`: shared through Redis where there is one, in this process where not."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SharedLimiter
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from tidemill.breaker import CircuitBreaker
from tidemill.errors import ConfigError

REDIS_TIMEOUT_S = 0.2
_NO_LEASE = (0, 0.0)

_log = logging.getLogger(__name__)


LEASED = 100
"""A hundredth of a rate is counted at a time: a count costs as much as half a prediction."""


class LocalRates:
    """Rates counted in this process, by one thread. Not async: it takes microseconds.

    Never more than the rate is let through in a window, but for what a lease left over from the window before holds:
    at most a hundredth. Rates below 200 a window are counted one by one.
    """

    shared = False

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._monotonic_s = monotonic_s
        self._leases: dict[tuple[str, str], tuple[int, float]] = {}

    def wait_s(self, rate: str, caller: str) -> int:
        """Count one request of a caller: 0 where it may go on, else after how many seconds to come again."""
        left, until = self._leases.get((rate, caller), _NO_LEASE)
        if left and self._monotonic_s() < until:
            self._leases[rate, caller] = (left - 1, until)
            return 0
        item = parsed_rate(rate)
        lease = max(1, item.amount // LEASED)
        if lease > 1 and self._limiter.hit(item, caller, cost=lease):
            self._leases[rate, caller] = (lease - 1, self._monotonic_s() + item.get_expiry())
            return 0
        if self._limiter.hit(item, caller):
            return 0
        return _wait(self._limiter.get_window_stats(item, caller).reset_time)


class SharedRates:
    """Rates counted in Redis, over all processes; in this process while Redis is away. `redis_url`: redis://, rediss://
    or unix://.
    """

    shared = True

    def __init__(self, redis_url: str, prefix: str, breaker: CircuitBreaker) -> None:
        options: Any = {"socket_timeout": REDIS_TIMEOUT_S, "socket_connect_timeout": REDIS_TIMEOUT_S}
        key_prefix = f"{prefix}tidemill-rates"
        known = redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url
        self._storage = RedisStorage(f"async+{known}", implementation="redispy", key_prefix=key_prefix, **options)
        self._limiter = SharedLimiter(self._storage)
        self._local = LocalRates()
        self._breaker = breaker

    async def wait_s(self, rate: str, caller: str) -> int:
        """As `LocalRates.wait_s`."""
        if not self._breaker.allows():
            return self._local.wait_s(rate, caller)
        item = parsed_rate(rate)
        try:
            allowed = await self._limiter.hit(item, caller)
            wait = 0 if allowed else _wait((await self._limiter.get_window_stats(item, caller)).reset_time)
        except Exception as error:  # noqa: BLE001 - the client's errors share no base: an outage, whatever its name
            self._breaker.failed()
            _log.warning("rates are counted in this process, Redis does not answer: %s", error)
            return self._local.wait_s(rate, caller)
        self._breaker.succeeded()
        return wait


@lru_cache(maxsize=256)
def parsed_rate(rate: str) -> RateLimitItem:
    """A rate such as "100/second" or "5000 per hour". Raises ConfigError for another text."""
    try:
        return parse(rate)
    except ValueError as error:
        raise ConfigError(f"{rate!r} is no rate such as 100/second or 5000/hour") from error


def _wait(reset_time: float) -> int:
    return max(1, math.ceil(reset_time - time.time()))
