"""JSON Web Tokens (RFC 7519) against a JSON Web Key Set: algorithm, audience and expiry are pinned by settings.

The algorithm is that of the settings and never the token's own choice (RFC 8725, 3.1); a token without an expiry
or an audience is refused; keys are those of the set, by `kid`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from tidemill.access.callers import Caller, UnknownKeyId, scopes_of

ALGORITHMS = ("RS256", "ES256")
MAX_SET_BYTES = 1 << 20
FETCH_TIMEOUT_S = 5.0
LEEWAY_S = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say. `issuer` None admits any; `subject_rate` is the rate of every token's subject."""

    audience: str
    algorithms: tuple[str, ...] = ALGORITHMS
    issuer: str | None = None
    subject_rate: str | None = None


class KeySet:
    """A JWKS at a URL (https, http, file), read again after `max_age_s`, and at most every `pause_s` for an unknown
    key. Thread-safe.
    """

    def __init__(
        self,
        url: str,
        *,
        max_age_s: float = 300.0,
        pause_s: float = 5.0,
        fetch: Callable[[str], bytes] | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._max_age_s = max_age_s
        self._pause_s = pause_s
        self._fetch = fetch or _fetch
        self._monotonic_s = monotonic_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -max_age_s
        self._lock = threading.Lock()

    def get(self, kid: str) -> jwt.PyJWK:
        """The key of that id, from memory. Raises UnknownKeyId: then `refresh` may bring it."""
        if self._monotonic_s() - self._read_at > self._max_age_s or kid not in self._keys:
            raise UnknownKeyId(kid)
        return self._keys[kid]

    def refresh(self) -> None:
        """Read the set, unless that was tried a moment ago. Waits for the network; an outage leaves the keys as they
        are.
        """
        with self._lock:
            if self._monotonic_s() - self._read_at < self._pause_s:
                return
            try:
                document = json.loads(self._fetch(self._url))
                self._keys = {key["kid"]: jwt.PyJWK(key) for key in document["keys"] if _is_for_signing(key)}
            except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
                _log.warning("the key set of tokens cannot be read from %s: %s", self._url, error)
            self._read_at = self._monotonic_s()


class TokenVerifier:
    """Proves tokens."""

    def __init__(self, rules: TokenRules, keys: KeySet) -> None:
        self._rules = rules
        self.keys = keys

    def caller(self, token: str) -> Caller | None:
        """Who asks with this token; None where it proves nobody. Raises UnknownKeyId: then `keys.refresh()`."""
        rules = self._rules
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in rules.algorithms or not isinstance(kid, str):
                return None
            key = self.keys.get(kid)
            if key.algorithm_name != algorithm:
                return None
            claims = jwt.decode(
                token, key.key, algorithms=[algorithm], audience=rules.audience, issuer=rules.issuer,
                leeway=LEEWAY_S, options={"require": ["exp", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError:
            return None
        return Caller(f"token:{claims['sub']}", scopes_of(_scope_names(claims)), rules.subject_rate)


def _scope_names(claims: dict[str, Any]) -> list[str]:
    """`scope` as text separated by blanks (RFC 8693), or `scp` as a list."""
    scope = claims.get("scope", claims.get("scp", ""))
    return scope.split() if isinstance(scope, str) else [str(name) for name in scope if isinstance(name, str)]


def _is_for_signing(key: Any) -> bool:
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig" and "kid" in key


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:
        data: bytes = answer.read(MAX_SET_BYTES + 1)
    if len(data) > MAX_SET_BYTES:
        raise ValueError("the key set is too large")
    return data
