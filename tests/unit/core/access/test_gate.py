from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import tidemill.access.credentials.ring as ring_module
from tests.support.processes.redis_server import fake_redis
from tests.unit.core.access.support import Time, key_store, token, verifier
from tidemill.access.authorizer import Gate, Refusal
from tidemill.access.credentials.callers import Scope
from tidemill.access.credentials.keys import proves
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.limits.rates import LocalRates, SharedRates, parsed_rate
from tidemill.access.middleware import Guarded, credential_of
from tidemill.access.settings import AccessSettings
from tidemill.access.storage.store import KeyStore
from tidemill.breaker import CircuitBreaker
from tidemill.errors import ConfigError


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def store(tmp_path: Path, clock: Time) -> KeyStore:
    return key_store(tmp_path, clock)


def gate(store: KeyStore, clock: Time, **options: Any) -> Gate:
    ring = KeyRing(store.all, clock.now_ms)
    ring.refresh()
    return Gate(ring, **options)


def refusal(gate: Gate, credential: str | None, scope: Scope = Scope.PREDICT) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(gate.admit(credential, scope))
    return caught.value


def test_a_key_of_the_scope_is_admitted_and_another_is_403(store: KeyStore, clock: Time) -> None:
    key = store.create("a", [Scope.PREDICT], by="ada")
    guard = gate(store, clock)
    assert asyncio.run(guard.admit(key.text, Scope.PREDICT)).name == f"key:{key.record.key_id}"
    found = refusal(guard, key.text, Scope.INGEST)
    assert (found.status, found.error) == (403, "missing_scope")


def test_none_and_a_bad_credential_are_401_and_say_how(store: KeyStore, clock: Time) -> None:
    for credential, error in ((None, "no_credential"), ("", "no_credential"), ("tm_x", "bad_credential")):
        found = refusal(gate(store, clock, tokens=verifier()), credential)
        assert (found.status, found.error) == (401, error)
        assert found.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_is_admitted_only_where_tokens_are_set_up(store: KeyStore, clock: Time) -> None:
    assert asyncio.run(gate(store, clock, tokens=verifier()).admit(token(), Scope.PREDICT)).name == "token:ada"
    assert refusal(gate(store, clock), token()).status == 401


def test_before_the_keys_are_read_it_is_503(clock: Time) -> None:
    found = refusal(Gate(KeyRing(list, clock.now_ms)), f"tm_{'0' * 12}_{'x' * 43}")
    assert (found.status, found.error) == (503, "keys_unread")


def test_each_key_has_a_rate_of_its_own_and_the_default_where_it_says_none(store: KeyStore, clock: Time) -> None:
    slow = store.create("slow", [Scope.PREDICT], by="ada", rate="2/minute").text
    usual = store.create("usual", [Scope.PREDICT], by="ada").text
    guard = gate(store, clock, rates=LocalRates(), default_rate="3/minute")
    for key, allowed in ((slow, 2), (usual, 3)):
        for _ in range(allowed):
            asyncio.run(guard.admit(key, Scope.PREDICT))
        found = refusal(guard, key)
        assert (found.status, found.error) == (429, "too_many_requests")
        assert 1 <= int(found.headers["Retry-After"]) <= 60


@pytest.fixture
def redis() -> Iterator[str]:
    with fake_redis() as url:
        yield url


def test_rates_in_redis_hold_over_processes(redis: str) -> None:
    async def ask() -> list[int]:
        processes = [SharedRates(redis, "t-", CircuitBreaker("redis")) for _ in range(2)]
        return [await processes[n % 2].wait_s("4/minute", "key:a") for n in range(6)]

    waits = asyncio.run(ask())
    assert waits[:4] == [0, 0, 0, 0]
    assert all(wait > 0 for wait in waits[4:])


def test_while_redis_is_away_rates_are_counted_here_and_it_is_not_asked_at_every_request(tmp_path: Path) -> None:
    breaker = CircuitBreaker("redis", failures=2)

    async def ask() -> list[int]:
        rates = SharedRates(f"unix://{tmp_path / 'nobody.sock'}", "t-", breaker)
        return [await rates.wait_s("4/minute", "key:a") for _ in range(6)]

    waits = asyncio.run(ask())
    assert waits[:4] == [0, 0, 0, 0]
    assert all(wait > 0 for wait in waits[4:])
    assert breaker.is_open


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("redis://redis:6379/0", "redis://redis:6379/0"),
        ("rediss://:word@redis:6380/1", "rediss://:word@redis:6380/1"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis+unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("", None),
    ],
)
def test_redis_has_one_spelling_for_rates_answers_and_scores(given: str, kept: str | None) -> None:
    settings = AccessSettings(redis_url=given)
    assert settings.redis_url == kept
    if kept is not None:
        SharedRates(kept, "t-", CircuitBreaker("redis"))


@pytest.mark.parametrize("given", ["redis:6379", "valkey://redis:6379", "unix://"])
def test_an_address_of_redis_that_nothing_here_can_ask_is_refused_with_what_it_may_be(given: str) -> None:
    with pytest.raises(ValidationError, match="redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH/OF/SOCKET"):
        AccessSettings(redis_url=given)


def test_a_rate_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="often"):
        parsed_rate("often")


def test_a_breaker_rests_and_then_lets_one_try() -> None:
    clock, told = Time(), []
    breaker = CircuitBreaker(
        "x", failures=2, rest_s=5, monotonic_s=clock.seconds, on_change=lambda name, open_: told.append(open_)
    )
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    clock.ms += 5_000
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed()
    assert not breaker.allows()
    clock.ms += 5_000
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(3))
    assert told == [True, False]


def test_access_is_on_unless_it_is_off_by_name_and_off_holds_on_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMILL_AUTH", raising=False)
    assert AccessSettings(host="0.0.0.0").auth == "on"
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert AccessSettings(host=host, auth="off").auth == "off"
    for host in ("0.0.0.0", "10.0.0.1", "::", "example.org"):
        with pytest.raises(ValidationError, match="TIDEMILL_AUTH"):
            AccessSettings(host=host, auth="off")
    assert AccessSettings(host="0.0.0.0", auth="off-everywhere").auth == "off-everywhere"


def test_a_key_set_without_an_audience_is_refused() -> None:
    with pytest.raises(ValidationError, match="TIDEMILL_JWT_AUDIENCE"):
        AccessSettings(jwt_jwks="https://id.example.org/jwks")


def test_the_layer_answers_refusals_and_leaves_open_paths_alone(store: KeyStore, clock: Time) -> None:
    key = store.create("a", [Scope.PREDICT], by="ada").text
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope.get("state", {}).get("caller", "anybody"))

    async def call(path: str, *headers: tuple[bytes, bytes]) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        layer = Guarded(app, gate(store, clock), lambda path: Scope.PREDICT if path == "/closed" else None)
        await layer({"type": "http", "path": path, "headers": list(headers)}, lambda: None, send)  # type: ignore[arg-type,return-value]
        return sent

    start, body = asyncio.run(call("/closed"))
    assert start["status"] == 401
    assert json.loads(body["body"])["error"] == "no_credential"
    assert asyncio.run(call("/open")) == []
    for header in ((b"authorization", b"Bearer " + key.encode()), (b"x-api-key", key.encode())):
        assert asyncio.run(call("/closed", header)) == []
    assert reached[0] == "anybody"
    assert reached[1].startswith("key:")
    assert len(reached) == 3


def test_the_bearer_header_goes_before_the_other() -> None:
    assert credential_of([(b"x-api-key", b"k"), (b"authorization", b"bearer  t ")]) == "t"
    assert credential_of([(b"authorization", b"Basic abc")]) is None


def test_a_large_rate_is_counted_in_leases_and_no_request_more_is_let_through() -> None:
    rates = LocalRates()
    answers = [rates.wait_s("1000/hour", "key:a") for _ in range(1_500)]
    assert answers.count(0) == 1_000
    assert not any(answers[:1_000])
    assert rates.wait_s("1000/hour", "key:b") == 0


def test_what_is_left_of_a_lease_ends_with_its_window() -> None:
    clock = Time()
    rates = LocalRates(clock.seconds)
    assert [rates.wait_s("1000/minute", "key:a") for _ in range(2)] == [0, 0]  # of a lease of ten
    clock.ms += 60_000  # of what ends leases; what is counted has another clock, on which no time has passed
    assert [rates.wait_s("1000/minute", "key:a") for _ in range(1_000)].count(0) == 1_000 - 10


def test_a_key_that_was_proven_is_not_hashed_again_until_the_next_reading_and_then_ends_if_revoked(
    store: KeyStore, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(ring_module, "proves", lambda *given: hashed.append(given[0]) or proves(*given))
    issued = store.create("a", [Scope.PREDICT], by="ada", expires_at=clock.ms + 60_000)
    ring = KeyRing(store.all, clock.now_ms)
    ring.refresh()
    assert {ring.caller(issued.text) for _ in range(5)} == {issued.record.caller()}
    assert len(hashed) == 1
    clock.ms += 60_000
    assert ring.caller(issued.text) is None  # expired
    clock.ms -= 60_000
    store.revoke(issued.record.key_id, by="ada")
    ring.refresh()
    assert ring.caller(issued.text) is None
    assert ring.caller(issued.text[:-1] + "x") is None


def test_while_an_old_secret_has_its_grace_each_is_hashed(store: KeyStore, clock: Time) -> None:
    issued = store.create("a", [Scope.PREDICT], by="ada")
    rotated = store.rotate(issued.record.key_id, by="ada", grace_ms=1_000)
    ring = KeyRing(store.all, clock.now_ms)
    ring.refresh()
    assert ring.caller(issued.text) == ring.caller(rotated.text) == issued.record.caller()
    clock.ms += 1_001
    assert ring.caller(issued.text) is None
    assert ring.caller(rotated.text) == issued.record.caller()
