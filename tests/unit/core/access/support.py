"""Keys, tokens and clocks for tests of access."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tidemill.access.credentials.tokens import KeySet, TokenRules, TokenVerifier
from tidemill.access.migrate import migrate_access
from tidemill.access.storage.store import KeyStore
from tidemill.database import connect

AUDIENCE = "tidemill"
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC = ec.generate_private_key(ec.SECP256R1())


class Time:
    """A clock that a test turns; ms and seconds."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def seconds(self) -> float:
        return self.ms / 1_000


def key_store(folder: Path, clock: Time) -> KeyStore:
    """An empty store in a database of its own."""
    engine = connect(f"sqlite:///{folder / 'keys.db'}")
    migrate_access(engine)
    return KeyStore(engine, clock)


def key_set(*names: str) -> bytes:
    """A JWKS with the public keys `rsa` and `ec`, or those named."""
    keys = {"rsa": (RSA, jwt.algorithms.RSAAlgorithm, "RS256"), "ec": (EC, jwt.algorithms.ECAlgorithm, "ES256")}
    found = []
    for name in names or tuple(keys):
        private, algorithm, alg = keys[name]
        public: dict[str, Any] = json.loads(algorithm.to_jwk(private.public_key()))  # type: ignore[arg-type]
        found.append(public | {"kid": name, "use": "sig", "alg": alg})
    return json.dumps({"keys": found}).encode()


def token(algorithm: str = "RS256", kid: str = "rsa", key: Any = None, **claims: Any) -> str:
    """A token that is fit but for what `claims` change; None takes a claim away."""
    stated = {"sub": "ada", "aud": AUDIENCE, "exp": int(time.time()) + 60, "scope": "predict other"} | claims
    private = key if key is not None else {"rsa": RSA, "ec": EC}[kid]
    return jwt.encode({k: v for k, v in stated.items() if v is not None}, private, algorithm, headers={"kid": kid})


def verifier(**rules: Any) -> TokenVerifier:
    """A verifier whose key set has been read."""
    keys = KeySet("memory", fetch=lambda url: key_set())
    keys.refresh()
    return TokenVerifier(TokenRules(AUDIENCE, **rules), keys)
