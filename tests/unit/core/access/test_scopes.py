from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.core.access.support import Time, key_store, token, verifier
from tidemill.access.authorizer import Gate, Refusal
from tidemill.access.credentials.callers import FORMS, Caller, Scope, scope_named, scopes_of
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.limits.rates import LocalRates
from tidemill.access.storage.store import KeyStore


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return key_store(tmp_path, Time())


def gate(store: KeyStore) -> Gate:
    ring = KeyRing(store.all, Time().now_ms)
    ring.refresh()
    return Gate(ring, verifier(), LocalRates())


def refusal(guard: Gate, credential: str, scope: Scope, model: str | None) -> Refusal:
    """The same from both doors of the gate."""
    with pytest.raises(Refusal) as waited:
        asyncio.run(guard.admit(credential, scope, model=model))
    with pytest.raises(Refusal) as at_once:
        guard.admit_at_once(credential, scope, model=model)
    assert (waited.value.status, waited.value.message) == (at_once.value.status, at_once.value.message)
    return waited.value


def test_a_scope_of_one_model_holds_for_that_model_alone(store: KeyStore) -> None:
    guard, key = gate(store), store.create("airline", ["predict:flight-delay"], by="ada")
    guard = gate(store)
    name = f"key:{key.record.key_id}"
    for model in ("flight-delay", None):  # None: what is of no model, such as the list of those it may know of
        assert asyncio.run(guard.admit(key.text, Scope.PREDICT, model=model)).name == name
    for model in ("bank-churn", "flight-delay-2", "flight", "", "flight-delay:", "predict"):
        found = refusal(guard, key.text, Scope.PREDICT, model)
        assert (found.status, found.error, found.caller) == (403, "missing_scope", name)
    for model in ("flight-delay", None):
        assert refusal(guard, key.text, Scope.INGEST, model).status == 403


def test_403_names_the_scope_that_is_missing(store: KeyStore) -> None:
    key = store.create("airline", ["predict:flight-delay"], by="ada")
    assert refusal(gate(store), key.text, Scope.PREDICT, "bank-churn").message == (
        f"key:{key.record.key_id} lacks the scope predict:bank-churn (or predict, which is for every model), "
        "which this needs"
    )
    assert "lacks the scope ingest, which" in refusal(gate(store), key.text, Scope.INGEST, None).message
    assert len(refusal(gate(store), key.text, Scope.PREDICT, "x" * 50_000).message) < 400


def test_a_key_of_before_holds_for_every_model(store: KeyStore) -> None:
    keys = {scope: store.create("old", [scope], by="ada").text for scope in Scope}
    guard = gate(store)
    for model in ("flight-delay", "one-that-comes-yet", None):
        assert guard.admit_at_once(keys[Scope.PREDICT], Scope.PREDICT, model=model) is not None
        assert guard.admit_at_once(keys[Scope.INGEST], Scope.INGEST, model=model) is not None
        assert guard.admit_at_once(keys[Scope.ADMIN], Scope.INGEST, model=model) is not None
    assert refusal(guard, keys[Scope.PREDICT], Scope.INGEST, "flight-delay").status == 403


def test_tokens_have_scopes_of_one_model_alike(store: KeyStore) -> None:
    one = token(scope="predict:flight-delay openid ingest:bank-churn predict:*")
    guard = gate(store)
    caller = asyncio.run(guard.admit(one, Scope.PREDICT, model="flight-delay"))
    assert (caller.name, caller.scopes) == ("token:ada", {"predict:flight-delay", "ingest:bank-churn"})
    assert refusal(guard, one, Scope.PREDICT, "bank-churn").caller == "token:ada"
    assert asyncio.run(guard.admit(one, Scope.INGEST, model="bank-churn")).name == "token:ada"


@pytest.mark.parametrize(
    "name",
    [
        "everything", "", ":", "predict:", "predict: flight-delay", "predict:*", "predict:Flight", "admin:flight-delay",
        "Predict", "predict:flight-delay:x", "predict:flight_delay", "predict:a\n", "flight-delay",
        "predict:" + "a" * 101,
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused_with_those_that_there_are_and_proves_nothing(store: KeyStore, name: str) -> None:
    with pytest.raises(ValueError, match="no scope: there are ingest, predict, admin, ingest:MODEL, predict:MODEL"):
        scope_named(name)
    with pytest.raises(ValueError, match="no scope"):
        store.create("x", ["predict", name], by="ada")
    assert store.all() == []
    assert scopes_of([name, "ingest"]) == {"ingest"}


def test_what_is_a_scope_comes_back_from_the_store_as_it_was_given(store: KeyStore) -> None:
    given = {"predict:flight-delay", "ingest:bank-churn", Scope.ADMIN}
    store.create("x", given, by="ada")
    assert store.all()[0].scopes == given
    assert [scope_named(form.replace("MODEL", "a")) for form in FORMS] == [
        "ingest", "predict", "admin", "ingest:a", "predict:a",
    ]  # fmt: skip


def test_without_a_model_any_scope_of_the_kind_is_enough() -> None:
    caller = Caller("key:1", frozenset({"predict:a"}))
    assert caller.may(Scope.PREDICT)
    assert not caller.may(Scope.INGEST)
    assert not Caller("key:1", frozenset({"predicting:a"})).may(Scope.PREDICT)
