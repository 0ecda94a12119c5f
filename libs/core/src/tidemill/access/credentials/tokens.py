"""JSON Web Tokens (RFC 7519) against a JSON Web Key Set: algorithm, audience and expiry are pinned by settings.

The algorithm is that of the settings and never the token's own choice (RFC 8725, 3.1); a token without an expiry
or an audience is refused; keys are those of the set, by `kid`.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from tidemill.access.credentials.callers import Caller, UnknownKeyId, scopes_of

ALGORITHMS = ("RS256", "ES256")
MAX_SET_BYTES = 1 << 20
FETCH_TIMEOUT_S = 5.0
LEEWAY_S = 10
RETRY_S = 30.0
"""After a reading that failed, keys that are there go on for so long before the next."""
WHOLE_FETCH_S = 15.0
MOST_KEYS = 1_000
MOST_SCOPES = 1_000
LONGEST_SUBJECT = 255

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
        self._keys: dict[str, dict[str, jwt.PyJWK]] = {}
        self._tried_at = self._fetched_at = -math.inf
        self._lock = threading.Lock()

    def get(self, kid: str, algorithm: str | None = None) -> jwt.PyJWK:
        """The key of that id, that for the algorithm where there are several, from memory. Raises UnknownKeyId: then
        `refresh` may bring it.

        While the set cannot be read anew, the keys last read go on: an outage of who signs stops nobody whose token is
        good.
        """
        now = self._monotonic_s()
        found = self._keys.get(kid)
        is_old = now - self._fetched_at > self._max_age_s and now - self._tried_at > RETRY_S
        if found is None or is_old:
            raise UnknownKeyId(kid)
        return found.get(algorithm or "") or next(iter(found.values()))

    @property
    def is_unread(self) -> bool:
        """Whether it has never been read."""
        return self._fetched_at == -math.inf

    def refresh(self) -> None:
        """Read the set, unless that was tried a moment ago. Waits for the network; an outage leaves the keys as they
        are.
        """
        with self._lock:
            if self._monotonic_s() - self._tried_at < self._pause_s:
                return
            try:
                self._keys = _keys_of(self._fetch(self._url))
                self._fetched_at = self._monotonic_s()
            except Exception as error:  # noqa: BLE001 - a client's and a parser's errors share no base
                _log.warning("the key set of tokens cannot be read from %s: %s", self._url, error)
            self._tried_at = self._monotonic_s()


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
            if not isinstance(algorithm, str) or algorithm not in rules.algorithms or not isinstance(kid, str):
                return None
            key = self.keys.get(kid, algorithm)
            if key.algorithm_name != algorithm:
                return None
            claims = jwt.decode(
                token, key.key, algorithms=[algorithm], audience=rules.audience, issuer=rules.issuer,
                leeway=LEEWAY_S, options={"require": ["exp", "aud", "sub"]},
            )  # fmt: skip
        except UnknownKeyId:
            raise
        except Exception:  # noqa: BLE001 - a parser of what anybody sends: whatever it raises, nobody is proven
            return None
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            return None
        return Caller(f"token:{subject}", scopes_of(_scope_names(claims)), rules.subject_rate)


def _scope_names(claims: dict[str, Any]) -> list[str]:
    """`scope` as text separated by blanks (RFC 8693), or `scp`; either may be a list. Of any other type: none."""
    scope = claims.get("scope")
    given = claims.get("scp") if scope is None else scope
    names = given.split(maxsplit=MOST_SCOPES) if isinstance(given, str) else given if isinstance(given, list) else []
    return [name for name in names[:MOST_SCOPES] if isinstance(name, str)]


def _keys_of(data: bytes) -> dict[str, dict[str, jwt.PyJWK]]:
    """The keys for signatures of a set, by id, then by algorithm. One that cannot be used is left out, and the others
    hold. Raises ValueError for what is no key set.
    """
    document = json.loads(data)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no key set: there is no list of keys")
    found: dict[str, dict[str, jwt.PyJWK]] = {}
    for key in listed[:MOST_KEYS]:
        if not _is_for_signing(key):
            continue
        try:
            usable = jwt.PyJWK(key)
            found.setdefault(key["kid"], {}).setdefault(usable.algorithm_name, usable)
        except Exception as error:  # noqa: BLE001 - whatever is odd about it is that key's alone
            _log.warning("a key of the set is left out: %s: %s", type(error).__name__, error)
    return found


def _is_for_signing(key: Any) -> bool:
    if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC") or not isinstance(key.get("kid"), str):
        return False
    uses = key.get("key_ops")
    verifies = uses is None or (isinstance(uses, list) and "verify" in uses)
    return verifies and key.get("use") in (None, "sig")


def _fetch(url: str) -> bytes:
    """The set, within its bounds of size and time: of a server that trickles too."""
    until, data = time.monotonic() + WHOLE_FETCH_S, b""
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:
        while piece := answer.read1(65_536) if hasattr(answer, "read1") else answer.read(65_536):
            data += piece
            if len(data) > MAX_SET_BYTES:
                raise ValueError("the key set is too large")
            if time.monotonic() > until:
                raise TimeoutError("the key set did not come in time")
    return data
