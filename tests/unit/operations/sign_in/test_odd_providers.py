"""Providers that answer what no provider should: nobody is signed in, and it is said, never a traceback."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.receivers import Received, Reply, web_receiver
from tidemill.errors import ConfigError, RetryLater
from tidemill_operations.sign_in.provider import Provider
from tidemill_operations.sign_in.session import kept_in, session
from tidemill_operations.sign_in.settings import SignInSettings

RSA = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid}


@contextmanager
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Any, token: Any) -> Iterator[SignInSettings]:
    """A sign-in that was kept, at a provider with these keys; `token` makes its id token from its claims."""

    def answer(request: Received) -> Reply:
        if request.path.endswith("/keys"):
            return Reply(200, keys)
        ends = {name: f"{url}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
        return Reply(200, {"issuer": url, "jwks_uri": f"{url}/keys", **ends})

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with web_receiver(answer) as server:
        url, now = server.url, int(time.time())
        claims = {"iss": url, "aud": "tidemill-cli", "sub": "4711", "iat": now, "exp": now + 600}
        kept_in().parent.mkdir(parents=True)
        kept = {"issuer": url, "client_id": "tidemill-cli", "id_token": token(claims)}
        kept |= {"access_token": "a", "refresh_token": "", "expires_s": now + 600}
        kept_in().write_text(json.dumps(kept))
        kept_in().chmod(0o600)
        yield SignInSettings(oidc_issuer=url)


def unsigned(claims: dict[str, Any]) -> str:
    """A token whose head names no algorithm."""
    parts = (json.dumps({"kid": "r"}), json.dumps(claims), "x")
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


SET = {"keys": [jwk(EC, "ES256", "e"), jwk(RSA, "RS256", "r")]}


@pytest.mark.parametrize(
    ("keys", "token"),
    [
        (SET, lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "gone"})),  # the first key is of another kind
        (SET, lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "e"})),
        (SET, lambda claims: jwt.encode(claims, "", "none", {"kid": "r"})),
        (SET, unsigned),
        (SET, lambda claims: jwt.encode(claims | {"aud": "another"}, RSA, "RS256", {"kid": "r"})),
        (SET, lambda claims: jwt.encode(claims | {"iss": "https://another"}, RSA, "RS256", {"kid": "r"})),
        (SET, lambda claims: jwt.encode(claims | {"iat": claims["iat"] + 500}, RSA, "RS256", {"kid": "r"})),
        (SET, lambda claims: jwt.encode(claims | {"aud": ["tidemill-cli", "x"]}, RSA, "RS256", {"kid": "r"})),
        ({"keys": ["x"]}, lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "r"})),
        ({"keys": 5}, lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "r"})),
        ({"keys": []}, lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "r"})),
        ([1], lambda claims: jwt.encode(claims, RSA, "RS256", {"kid": "r"})),
        (SET, lambda claims: jwt.encode(claims | {"exp": 10**400}, RSA, "RS256", {"kid": "r"})),
    ],
)  # fmt: skip
def test_a_token_or_a_key_set_that_proves_nobody_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Any, token: Any
) -> None:
    with signed_in(tmp_path, monkeypatch, keys, token) as settings, pytest.raises(ConfigError):
        session(settings)


@pytest.mark.parametrize(("kid", "key", "algorithm"), [("r", RSA, "RS256"), ("e", EC, "ES256")])
def test_the_key_that_the_token_names_proves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kid: str, key: Any, algorithm: str
) -> None:
    def token(claims: dict[str, Any]) -> str:
        return jwt.encode(claims, key, algorithm, {"kid": kid})

    with signed_in(tmp_path, monkeypatch, SET, token) as settings:
        assert session(settings)[0].subject == "4711"


@pytest.mark.parametrize(
    "said",
    [
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 400 No\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
def test_what_is_no_answer_is_said(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises((ConfigError, RetryLater), match=r"provider"):
            Provider.discover(f"http://127.0.0.1:{listener.getsockname()[1]}")
