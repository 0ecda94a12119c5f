"""API keys: `tm_<id>_<secret>`. The id is public and names the key; of the secret only a hash is kept.

The secret has 256 random bits, so nobody finds it from a plain SHA-256 by trying: a slow hash as for passwords
(OWASP Password Storage) would add nothing but time to every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from tidemill.access.credentials.callers import Caller

PREFIX = "tm_"
ID_BYTES = 6
SECRET_BYTES = 32

_FORM = re.compile(r"^tm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is stored. Digests are SHA-256 hex of the secret; times are ms since the epoch.

    `previous_digest` is that of the secret before the last rotation; it holds until `previous_until`.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    digest: str
    created_at: int
    created_by: str
    rate: str | None = None
    expires_at: int | None = None
    rotated_at: int | None = None
    revoked_at: int | None = None
    previous_digest: str | None = None
    previous_until: int | None = None

    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(f"key:{self.key_id}", self.scopes, self.rate)

    def usable(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now_ms < self.expires_at)


def new_id() -> str:
    """A fresh key id: 12 hex digits."""
    return secrets.token_hex(ID_BYTES)


def new_secret() -> str:
    """A fresh secret: 43 characters, 256 bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def written(key_id: str, secret: str) -> str:
    """The key as its owner keeps it."""
    return f"{PREFIX}{key_id}_{secret}"


def parsed(text: str) -> tuple[str, str] | None:
    """Id and secret of a key; None for a text of another form."""
    match = _FORM.match(text)
    return (match[1], match[2]) if match else None


def digest_of(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def proves(secret: str, record: KeyRecord | None, now_ms: int) -> bool:
    """Whether a secret belongs to a usable key. Takes the same time for a wrong secret and for an unknown key."""
    found = digest_of(secret)
    current = hmac.compare_digest(found, record.digest if record else _NOBODY)
    before = hmac.compare_digest(found, (record.previous_digest if record else None) or _NOBODY)
    if record is None or not record.usable(now_ms):
        return False
    return current or (before and record.previous_until is not None and now_ms < record.previous_until)
