from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.unit.core.access.support import Time, key_store
from tidemill.access.credentials.callers import Scope
from tidemill.access.credentials.keys import parsed
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.storage.audit import acts
from tidemill.access.storage.store import KeyStore, UnknownKey
from tidemill.database import connect


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def store(tmp_path: Path, clock: Time) -> KeyStore:
    return key_store(tmp_path, clock)


def ring(store: KeyStore, clock: Time) -> KeyRing:
    found = KeyRing(store.all, clock.now_ms)
    assert found.refresh()
    return found


def test_a_new_key_proves_its_caller_with_its_scopes_and_rate(store: KeyStore, clock: Time) -> None:
    issued = store.create("web shop", [Scope.PREDICT], by="ada", rate="10/second")
    caller = ring(store, clock).caller(issued.text)
    assert caller is not None
    assert (caller.name, caller.rate) == (f"key:{issued.record.key_id}", "10/second")
    assert caller.may(Scope.PREDICT)
    assert not caller.may(Scope.INGEST)


def test_an_admin_may_everything(store: KeyStore, clock: Time) -> None:
    text = store.create("ops", [Scope.ADMIN], by="ada").text
    caller = ring(store, clock).caller(text)
    assert caller is not None
    assert all(caller.may(scope) for scope in Scope)


def test_no_secret_is_stored(store: KeyStore, tmp_path: Path) -> None:
    first = store.create("a", [Scope.INGEST], by="ada")
    second = store.rotate(first.record.key_id, by="ada", grace_ms=1_000)
    with connect(f"sqlite:///{tmp_path / 'keys.db'}").connect() as connection:
        rows = [
            *connection.execute(text("select * from api_keys")),
            *connection.execute(text("select * from audit_log")),
        ]
    for issued in (first, second):
        form = parsed(issued.text)
        assert form is not None
        assert all(form[1] not in str(value) for row in rows for value in row)
        assert form[1] not in repr(issued.record)


def test_a_wrong_secret_an_unknown_id_and_another_form_prove_nobody(store: KeyStore, clock: Time) -> None:
    text = store.create("a", [Scope.INGEST], by="ada").text
    keys = ring(store, clock)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for presented in (wrong, f"tm_{'0' * 12}_{text[16:]}", text + "x", text[:-1], "tm_", "", "\u0000"):
        assert keys.caller(presented) is None, presented


def test_a_rotated_key_keeps_its_id_and_the_old_secret_holds_for_the_grace(store: KeyStore, clock: Time) -> None:
    first = store.create("a", [Scope.INGEST], by="ada")
    second = store.rotate(first.record.key_id, by="ada", grace_ms=1_000)
    keys = ring(store, clock)
    assert keys.caller(first.text) == keys.caller(second.text) is not None
    clock.ms += 1_000
    assert keys.caller(first.text) is None
    assert keys.caller(second.text) is not None


def test_without_grace_the_old_secret_ends_at_once(store: KeyStore, clock: Time) -> None:
    first = store.create("a", [Scope.INGEST], by="ada")
    store.rotate(first.record.key_id, by="ada")
    assert ring(store, clock).caller(first.text) is None


def test_revoked_and_expired_keys_prove_nobody_and_are_not_rotated(store: KeyStore, clock: Time) -> None:
    revoked = store.create("a", [Scope.INGEST], by="ada")
    expiring = store.create("b", [Scope.INGEST], by="ada", expires_at=clock.ms + 10)
    store.revoke(revoked.record.key_id, by="ada", reason="leaked")
    keys = ring(store, clock)
    assert keys.caller(revoked.text) is None
    assert keys.caller(expiring.text) is not None
    clock.ms += 10
    assert keys.caller(expiring.text) is None
    with pytest.raises(UnknownKey):
        store.rotate(revoked.record.key_id, by="ada")
    with pytest.raises(UnknownKey):
        store.revoke(revoked.record.key_id, by="ada")


def test_every_act_is_in_the_audit_log_newest_first(store: KeyStore, tmp_path: Path) -> None:
    key_id = store.create("a", [Scope.INGEST], by="ada").record.key_id
    store.rotate(key_id, by="bob", grace_ms=5)
    store.revoke(key_id, by="eve", reason="leaked")
    found = acts(connect(f"sqlite:///{tmp_path / 'keys.db'}"), subject=key_id)
    assert [(act.by, act.act) for act in found] == [
        ("eve", "keys.revoke"),
        ("bob", "keys.rotate"),
        ("ada", "keys.create"),
    ]
    assert found[0].detail == {"reason": "leaked"}


def test_a_key_without_a_scope_is_refused(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="scope"):
        store.create("a", [], by="ada")


def test_a_ring_goes_on_with_the_keys_last_read_while_the_database_is_away(store: KeyStore, clock: Time) -> None:
    text = store.create("a", [Scope.INGEST], by="ada").text
    away = False

    def load() -> list[object]:
        if away:
            raise OSError("away")
        return list(store.all())

    keys = KeyRing(load, clock.now_ms)  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        keys.caller(text)
    assert keys.check() is not None
    assert keys.refresh()
    away = True
    assert not keys.refresh()
    assert keys.caller(text) is not None
    assert keys.check() is None


def test_before_anybody_has_made_the_tables_there_are_no_keys(tmp_path: Path, clock: Time) -> None:
    store = KeyStore(connect(f"sqlite:///{tmp_path / 'empty.db'}", reads_only=True), clock)
    assert store.all() == []
    with pytest.raises(OperationalError):
        KeyStore(connect(f"sqlite:///{tmp_path}", reads_only=True), clock).all()
