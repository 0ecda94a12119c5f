from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.unit.core.access.support import AUDIENCE, RSA, Time, key_set, token, verifier
from tidemill.access.callers import Scope, UnknownKeyId
from tidemill.access.tokens import KeySet, TokenRules, TokenVerifier


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "rsa"), ("ES256", "ec")])
def test_a_fit_token_proves_its_subject_and_scopes(algorithm: str, kid: str) -> None:
    caller = verifier().caller(token(algorithm, kid))
    assert caller is not None
    assert (caller.name, caller.scopes) == ("token:ada", {Scope.PREDICT})


def test_scopes_may_come_as_a_list() -> None:
    caller = verifier().caller(token(scope=None, scp=["ingest", 7]))
    assert caller is not None
    assert caller.scopes == {Scope.INGEST}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1}, {"exp": None}, {"aud": "other"}, {"aud": None}, {"sub": None}, {"nbf": 2**33}, {"exp": "soon"},
    ],
)  # fmt: skip
def test_a_token_with_a_wrong_claim_proves_nobody(claims: dict[str, Any]) -> None:
    assert verifier().caller(token(**claims)) is None


def test_the_issuer_is_pinned_where_it_is_set() -> None:
    assert verifier(issuer="https://id.example.org").caller(token(iss="https://evil.example.org")) is None
    assert verifier(issuer="https://id.example.org").caller(token(iss="https://id.example.org")) is not None


def test_the_algorithm_is_not_the_tokens_choice() -> None:
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = _part({"alg": "HS256", "kid": "rsa"})
    body = _part({"sub": "ada", "aud": AUDIENCE, "exp": int(time.time()) + 60})
    import hashlib
    import hmac

    signature = base64.urlsafe_b64encode(hmac.digest(public, f"{head}.{body}".encode(), hashlib.sha256)).rstrip(b"=")
    forged = f"{head}.{body}.{signature.decode()}"  # signed with the public key as if it were a shared secret
    none = jwt.encode(
        {"sub": "ada", "aud": AUDIENCE, "exp": int(time.time()) + 60}, None, "none", headers={"kid": "rsa"}
    )
    for text in (forged, none, token("PS256"), token("RS512")):
        assert verifier().caller(text) is None
    assert verifier(algorithms=("ES256",)).caller(token("RS256")) is None


def test_a_key_of_another_kind_than_the_algorithm_is_refused() -> None:
    assert verifier().caller(token("RS256", kid="ec", key=RSA)) is None


def test_rubbish_proves_nobody() -> None:
    for text in ("", "a.b.c", "a.b", token() + "x", token()[:-4], "\u0000.\u0000.\u0000"):
        assert verifier().caller(text) is None


def test_an_unknown_key_brings_the_set_anew_but_not_at_every_request() -> None:
    clock, fetched = Time(), []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return key_set("rsa") if len(fetched) == 1 else key_set()

    keys = KeySet("https://id.example.org/jwks", fetch=fetch, monotonic_s=clock.seconds)
    found = TokenVerifier(TokenRules(AUDIENCE), keys)
    keys.refresh()
    for _ in range(3):
        with pytest.raises(UnknownKeyId):
            found.caller(token("ES256", "ec"))
        keys.refresh()
    assert len(fetched) == 1
    clock.ms += 6_000
    keys.refresh()
    assert found.caller(token("ES256", "ec")) is not None


def test_an_outage_leaves_the_keys_as_they_are() -> None:
    clock, away = Time(), False

    def fetch(url: str) -> bytes:
        if away:
            raise OSError("away")
        return key_set()

    keys = KeySet("https://id.example.org/jwks", fetch=fetch, monotonic_s=clock.seconds)
    keys.refresh()
    away = True
    clock.ms += 301_000
    with pytest.raises(UnknownKeyId):
        keys.get("rsa")
    keys.refresh()
    assert keys.get("rsa") is not None


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
