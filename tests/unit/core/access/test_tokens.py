from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.unit.core.access.support import AUDIENCE, EC, RSA, Time, key_set, key_store, token, verifier
from tidemill.access.authorizer import Gate, Refusal
from tidemill.access.credentials.callers import Scope, UnknownKeyId
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.credentials.tokens import KeySet, TokenRules, TokenVerifier


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
        keys.get("rsa", "RS256")
    keys.refresh()
    assert keys.get("rsa", "RS256") is not None


ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    float("inf"),
    "",
    "predict",
    "x" * 10_000,
    [],
    [None],
    ["predict", 1],
    {},
    {"a": 1},
]


@pytest.mark.parametrize("claim", ["scope", "scp", "sub", "aud", "exp", "nbf", "iat", "iss", "jti"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_a_claim_of_any_type_is_an_answer_and_no_defect(claim: str, value: Any) -> None:
    stated = {"sub": "ada", "aud": AUDIENCE, "exp": int(time.time()) + 60, "scope": "predict", claim: value}
    found = _signed({"alg": "RS256", "kid": "rsa"}, stated)
    caller = verifier().caller(found)
    assert caller is None or caller.name.startswith("token:")
    if claim == "scope" and caller is not None:
        named = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
        assert (Scope.PREDICT in caller.scopes) == ("predict" in named)
    if claim == "sub":
        assert (caller is not None) == (isinstance(value, str) and 0 < len(value) < 256)


@pytest.mark.parametrize("member", ["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_a_header_of_any_type_is_an_answer_and_no_defect(member: str, value: Any) -> None:
    stated = {"sub": "ada", "aud": AUDIENCE, "exp": int(time.time()) + 60}
    found = _signed({"alg": "RS256", "kid": "rsa", member: value}, stated)
    try:
        caller = verifier().caller(found)
    except UnknownKeyId:
        assert member == "kid"
        return
    if member in ("alg", "kid"):
        assert caller is None


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "EC", "crv": "P-521", "kid": "odd"},
        {"kty": "RSA", "kid": "odd"},
        {"kty": "RSA", "kid": "odd", "n": 5, "e": None},
        {"kty": "RSA", "kid": ["odd"], "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"},
        {"kty": "RSA", "kid": "odd", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "rsa", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "rsa", "key_ops": ["encrypt"], "n": "AQAB", "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "odd", "x": "AA"},
        {"kty": ["RSA"], "kid": "odd"},
        {},
        None,
        7,
        "key",
        ["key"],
    ],
    ids=lambda odd: repr(odd)[:60],
)
def test_an_odd_key_in_the_set_is_left_out_and_the_others_hold(odd: Any) -> None:
    document = json.loads(key_set())
    for listed in ([odd, *document["keys"]], [*document["keys"], odd]):
        keys = KeySet("memory", fetch=lambda url, found=listed: json.dumps({"keys": found, "more": 1}).encode())  # type: ignore[misc]
        keys.refresh()
        found = TokenVerifier(TokenRules(AUDIENCE), keys)
        assert found.caller(token()) is not None
        assert found.caller(token("ES256", "ec")) is not None


def test_two_keys_of_one_id_hold_by_their_algorithms() -> None:
    rsa, ec = json.loads(key_set())["keys"]
    keys = KeySet("memory", fetch=lambda url: json.dumps({"keys": [rsa | {"kid": "a"}, ec | {"kid": "a"}]}).encode())
    keys.refresh()
    found = TokenVerifier(TokenRules(AUDIENCE), keys)
    assert found.caller(token("RS256", "a", RSA)) is not None
    assert found.caller(token("ES256", "a", EC)) is not None


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"null", b"[]", b"{}", b'{"keys": null}', b'{"keys": {}}', b"[" * 100_000, b"\xff\xfe"]
)
def test_a_document_that_is_no_key_set_leaves_the_keys_as_they_are(data: bytes) -> None:
    clock, answers = Time(), [key_set(), data, data]
    keys = KeySet("memory", fetch=lambda url: answers.pop(0), monotonic_s=clock.seconds)
    assert keys.is_unread
    keys.refresh()
    clock.ms += 301_000
    keys.refresh()
    assert not answers[1:]
    assert TokenVerifier(TokenRules(AUDIENCE), keys).caller(token()) is not None


def test_while_the_set_was_never_read_a_token_is_503_and_nobody_is_called_a_liar(tmp_path: Path) -> None:
    def away(url: str) -> bytes:
        raise OSError("away")

    ring = KeyRing(key_store(tmp_path, Time()).all, Time().now_ms)
    ring.refresh()
    gate = Gate(ring, TokenVerifier(TokenRules(AUDIENCE), KeySet("https://id.example.org", fetch=away)))
    with pytest.raises(Refusal) as caught:
        asyncio.run(gate.admit(token(), Scope.PREDICT))
    assert (caught.value.status, caught.value.error) == (503, "keys_unread")


def _signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with these parts as they are, whatever they hold, and a good signature."""
    text = f"{_part(header)}.{_part(claims)}"
    signature = RSA.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
