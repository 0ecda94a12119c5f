"""Signatures of web hooks, as Standard Webhooks 1.0.0 has them. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

__all__ = ["key_of", "signed_headers"]

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key that a secret means: base64 behind `whsec_`, else its own bytes. Raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what stands behind {PREFIX} is not base64") from None


def signed_headers(secret: str, notice_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Headers by which a receiver tells who sent `body`, when (s since 1970; it refuses old ones), and repeats."""
    content = f"{notice_id}.{at_s}.".encode() + body
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": notice_id, "webhook-timestamp": str(at_s), "webhook-signature": signature}
