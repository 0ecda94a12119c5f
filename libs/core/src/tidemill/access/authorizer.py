"""The decision about one request: who asks, whether it may, whether it is too often. Knows no web framework."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tidemill.access.credentials.callers import Caller, Scope, UnknownKeyId
from tidemill.access.credentials.keys import PREFIX
from tidemill.access.limits.throttle import NAMED, FailedAttempts, Proxies
from tidemill.json.values import cut

if TYPE_CHECKING:  # where access is off, nobody needs their libraries
    from tidemill.access.credentials.ring import KeyRing
    from tidemill.access.credentials.tokens import TokenVerifier
    from tidemill.access.limits.rates import LocalRates, SharedRates


Client = tuple[str, bytes]
"""The address of the connection and what X-Forwarded-For says."""
NOBODY: Client = ("", b"")
LONGEST_CREDENTIAL = 16_384
"""Longer ones prove nobody."""


class Refusal(Exception):
    """Why a request is not looked at. `error` is a stable name."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        caller: str | None = None,
    ) -> None:
        """`caller`: who was refused, where that was proven."""
        super().__init__(message)
        self.caller = caller
        self.status = status
        self.error = error
        self.message = message
        self.headers = dict(headers or {})


class Gate:
    """Lets callers through. One for a process; `tokens` and the rate may be absent."""

    def __init__(
        self,
        keys: KeyRing,
        tokens: TokenVerifier | None = None,
        rates: LocalRates | SharedRates | None = None,
        default_rate: str | None = None,
        failures: FailedAttempts | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """`failures`: counts failed attempts; `proxies`: tells where they come from."""
        self._failures = failures
        self._proxies = proxies or Proxies()
        self._keys = keys
        self._tokens = tokens
        self._rates = rates
        self._default_rate = default_rate
        self._reading: asyncio.Future[None] | None = None
        self._shares_rates = rates is not None and rates.shared

    async def admit(
        self, credential: str | None, scope: Scope, client: Client = NOBODY, model: str | None = None
    ) -> Caller:
        """The caller that a key or token proves. `model`: the one that is asked for; None where it is none. Raises
        Refusal: 401, 403, 429, or 503 before the keys are read.
        """
        try:
            proven = self._proven(credential)
        except UnknownKeyId:
            if self._wait_s(credential, client):  # a key set is fetched for those who have not failed too often
                proven = None
            else:
                proven = await self._proven_anew(credential or "")
        caller = self._allowed(proven, scope, credential, client, model)
        rate = self._rate_of(caller)
        if rate and self._rates is not None:
            found = self._rates.wait_s(rate, caller.name)
            _refuse_too_often(caller, rate, found if isinstance(found, int) else await found)
        return caller

    def admit_at_once(
        self, credential: str | None, scope: Scope, client: Client = NOBODY, model: str | None = None
    ) -> Caller | None:
        """The same without a wait; None, and nothing counted, where one is needed: for a rate that others count too,
        or for a token of a signer who is not known yet.
        """
        if self._shares_rates:
            return None
        try:
            caller = self._allowed(self._proven(credential), scope, credential, client, model)
        except UnknownKeyId:
            return None
        rate = self._rate_of(caller)
        if rate and self._rates is not None:
            found = self._rates.wait_s(rate, caller.name)
            assert isinstance(found, int)
            _refuse_too_often(caller, rate, found)
        return caller

    def _proven(self, credential: str | None) -> Caller | None:
        """Raises UnknownKeyId where the signers are to be read anew."""
        if not credential:
            raise _unproven("no_credential", "send a key or a token: Authorization: Bearer KEY, or X-API-Key: KEY")
        if len(credential) > LONGEST_CREDENTIAL:
            return None
        if credential.startswith(PREFIX):
            try:
                return self._keys.caller(credential)
            except LookupError as error:
                raise Refusal(503, "keys_unread", str(error), {"Retry-After": "2"}) from error
        return self._tokens.caller(credential) if self._tokens is not None else None

    async def _proven_anew(self, token: str) -> Caller | None:
        """Reads the signers once for all who wait for it."""
        assert self._tokens is not None
        loop = asyncio.get_running_loop()
        reading = self._reading
        if reading is None or reading.done() or reading.get_loop() is not loop:
            self._reading = reading = loop.run_in_executor(None, self._tokens.keys.refresh)
        await asyncio.shield(reading)
        try:
            return self._tokens.caller(token)
        except UnknownKeyId:
            if not self._tokens.keys.is_unread:
                return None
        message = "the key set of tokens cannot be read now: the log says why"
        raise Refusal(503, "keys_unread", message, {"Retry-After": "5"})

    def _allowed(
        self, caller: Caller | None, scope: Scope, credential: str | None, client: Client, model: str | None
    ) -> Caller:
        if caller is None:
            self._note_failure(credential, client)
            raise _unproven("bad_credential", "the key or token is unknown, revoked, expired or for somebody else")
        if not caller.may(scope, model):
            raise _missing(caller, scope, model)
        return caller

    def _note_failure(self, credential: str | None, client: Client) -> None:
        """Count it. Raises Refusal 429 where there were too many."""
        wait_s = self._wait_s(credential, client)
        if self._failures is None:
            return
        self._failures.failed(*self._sources(credential, client))
        if wait_s:
            message = f"too many keys or tokens that prove nobody: come again in {wait_s} s"
            raise Refusal(429, "too_many_failures", message, {"Retry-After": str(wait_s)})

    def _wait_s(self, credential: str | None, client: Client) -> int:
        return self._failures.wait_s(*self._sources(credential, client)) if self._failures is not None else 0

    def _sources(self, credential: str | None, client: Client) -> list[str]:
        sources = [self._proxies.source(client[0], client[1].decode("latin-1"))]
        if credential and credential.startswith(PREFIX):
            sources.append(credential[:NAMED])
        return sources

    def _rate_of(self, caller: Caller) -> str | None:
        return caller.rate or self._default_rate


def _refuse_too_often(caller: Caller, rate: str, wait_s: int) -> None:
    if wait_s:
        message = f"{caller.name} may ask {rate}: come again in {wait_s} s"
        raise Refusal(429, "too_many_requests", message, {"Retry-After": str(wait_s)}, caller.name)


def _missing(caller: Caller, scope: Scope, model: str | None) -> Refusal:
    needed = scope if model is None else f"{scope}:{cut(model)} (or {scope}, which is for every model)"
    message = f"{caller.name} lacks the scope {needed}, which this needs"
    return Refusal(403, "missing_scope", message, caller=caller.name)


def _unproven(error: str, message: str) -> Refusal:
    return Refusal(401, error, message, {"WWW-Authenticate": 'Bearer realm="tidemill"'})
