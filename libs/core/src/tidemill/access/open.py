"""Builds the gate of a service from its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill.access.authorizer import Gate
from tidemill.access.limits.throttle import FailedAttempts, Proxies
from tidemill.access.settings import AccessSettings
from tidemill.breaker import CircuitBreaker
from tidemill.clock import SystemClock

if TYPE_CHECKING:
    from tidemill.access.credentials.ring import KeyRing
    from tidemill.access.credentials.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Access:
    """A service's gate with the keys behind it: `ring` is to be started and closed."""

    gate: Gate
    ring: KeyRing


def open_access(
    settings: AccessSettings, on_breaker: Callable[[str, bool], None] = lambda name, open_: None
) -> Access | None:
    """The gate that the settings ask for; None where access is off, and then nothing of what it needs is imported.
    Nothing connects yet. Raises ConfigError.
    """
    if settings.auth != "on":
        return None
    from tidemill.access.credentials.ring import KeyRing
    from tidemill.access.limits.rates import LocalRates, SharedRates, parsed_rate
    from tidemill.access.storage.store import KeyStore
    from tidemill.database import connect

    clock = SystemClock()
    store = KeyStore(connect(settings.database_url, reads_only=True), clock)
    ring = KeyRing(store.all, clock.now_ms, settings.keys_refresh_s)
    if settings.rate_limit:
        parsed_rate(settings.rate_limit)
    rates: LocalRates | SharedRates = LocalRates()
    if settings.redis_url:
        rates = SharedRates(settings.redis_url, settings.prefix, CircuitBreaker("redis-rates", on_change=on_breaker))
    failures = FailedAttempts(settings.auth_failures) if settings.auth_failures else None
    proxies = Proxies(settings.trusted_proxies)
    gate = Gate(ring, _tokens(settings), rates, settings.rate_limit or None, failures, proxies)
    return Access(gate, ring)


def _tokens(settings: AccessSettings) -> TokenVerifier | None:
    if not settings.jwt_jwks or not settings.jwt_audience:
        return None
    from tidemill.access.credentials.tokens import KeySet, TokenRules, TokenVerifier

    rules = TokenRules(settings.jwt_audience, settings.jwt_algorithms, settings.jwt_issuer)
    return TokenVerifier(rules, KeySet(settings.jwt_jwks))
