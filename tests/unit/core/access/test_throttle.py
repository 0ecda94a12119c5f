from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.core.access.support import Time, key_store
from tidemill.access.authorizer import Gate, Refusal
from tidemill.access.credentials.callers import Scope
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.limits.throttle import MOST_REMEMBERED, FailedAttempts, Proxies

WRONG = "tm_0123456789ab_" + "x" * 43


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def gate_of(folder: Path, clock: Clock, proxies: Proxies | None = None) -> tuple[Gate, str]:
    store = key_store(folder, Time())
    key = store.create("a", [Scope.INGEST], by="ada").text
    ring = KeyRing(store.all, Time().now_ms)
    ring.refresh()
    return Gate(ring, failures=FailedAttempts(5, clock), proxies=proxies), key


def status(gate: Gate, credential: str, client: str = "192.0.2.1", forwarded: bytes = b"") -> int:
    def once() -> int:
        try:
            return 200 if gate.admit_at_once(credential, Scope.INGEST, (client, forwarded)) else 0
        except Refusal as refusal:
            assert refusal.status != 429 or int(refusal.headers["Retry-After"]) > 0
            return refusal.status

    return once()


def test_who_fails_too_often_is_told_to_wait_and_let_try_again_later(tmp_path: Path) -> None:
    clock = Clock()
    gate, key = gate_of(tmp_path, clock)
    assert [status(gate, f"rubbish {number}") for number in range(7)] == [401] * 5 + [429] * 2
    assert status(gate, "rubbish", "192.0.2.2") == 401
    assert status(gate, key) == 200
    clock.now = 12.0
    assert [status(gate, "rubbish") for _ in range(2)] == [401, 429]


def test_a_key_that_is_tried_from_everywhere_is_counted_by_its_id_and_its_owner_let_in(tmp_path: Path) -> None:
    gate, key = gate_of(tmp_path, Clock())
    wrong = key[:-5] + ("aaaaa" if not key.endswith("aaaaa") else "bbbbb")
    found = [status(gate, wrong, f"192.0.2.{number}") for number in range(7)]
    assert found == [401] * 5 + [429] * 2
    assert status(gate, WRONG, "192.0.2.99") == 401
    assert status(gate, key, "192.0.2.1") == 200


def test_the_long_way_counts_the_same(tmp_path: Path) -> None:
    gate, _ = gate_of(tmp_path, Clock())

    async def once() -> int:
        with pytest.raises(Refusal) as caught:
            await gate.admit(WRONG, Scope.INGEST, ("192.0.2.1", b""))
        return caught.value.status

    assert [asyncio.run(once()) for _ in range(6)] == [401] * 5 + [429]


def test_an_address_behind_a_trusted_proxy_is_its_own_and_nobody_else_can_name_another(tmp_path: Path) -> None:
    gate, _ = gate_of(tmp_path, Clock(), Proxies(["10.0.0.0/8"]))
    found = [status(gate, "x", "10.0.0.1", b"203.0.113.9, 192.0.2.%d, 10.0.0.7" % number) for number in range(9)]
    assert found == [401] * 9
    found = [status(gate, "x", "10.0.0.1", b"spoofed-%d, 192.0.2.77" % number) for number in range(7)]
    assert found == [401] * 5 + [429] * 2
    found = [status(gate, "x", "198.51.100.1", b"192.0.2.%d" % number) for number in range(7)]
    assert found == [401] * 5 + [429] * 2


def test_all_addresses_of_one_ipv6_network_are_one() -> None:
    proxies = Proxies()
    assert proxies.source("2001:db8::1", "") == proxies.source("2001:db8::ffff:2", "")
    assert proxies.source("2001:db8:0:1::1", "") != proxies.source("2001:db8::1", "")


def test_failures_are_remembered_in_bounded_memory() -> None:
    failures = FailedAttempts(1, Clock())
    for number in range(3 * MOST_REMEMBERED):
        failures.failed(f"address {number}", f"key {number}")
    remembered = [number for number in range(3 * MOST_REMEMBERED) if failures.wait_s(f"address {number}")]
    assert remembered == [number for number in range(3 * MOST_REMEMBERED) if failures.wait_s(f"key {number}")]
    assert remembered == list(range(3 * MOST_REMEMBERED))[-MOST_REMEMBERED // 2 :]


def test_a_credential_of_a_megabyte_proves_nobody_at_once(tmp_path: Path) -> None:
    gate, _ = gate_of(tmp_path, Clock())
    assert status(gate, "e" * 1_000_000) == 401
