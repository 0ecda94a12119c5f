"""A request that is sent again with the same Idempotency-Key is stored once and answered as before.

Follows the IETF's draft of that header: the same key with another body is an error of the caller, and a second request
while the first is under way is told to come back. Items without an event id get ids that follow from caller, model and
key: where the answer is remembered no more, the copy has the ids of the first, and the validator sets it aside. Pure.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

LONGEST_KEY = 200
KEPT = frozenset({202, 422})
"""Statuses that are the last word; after any other the request is to be tried again."""


class MalformedKey(ValueError):
    """A key that is none."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request with a key. `name`: of caller, route and key; `body`: a digest of type and body."""

    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found under a name: the digest of the body that came first, and its answer; None while it is under
    way.
    """

    body: bytes
    status: int | None = None
    answer: bytes = b""


class Answers(Protocol):
    """Where answers are remembered for a while."""

    async def begin(self, attempt: Attempt) -> Kept | None:
        """None where this attempt is the first: it is under way now."""

    async def finish(self, attempt: Attempt, status: int, answer: bytes) -> None:
        """Remember its answer."""

    async def forget(self, attempt: Attempt) -> None:
        """It came to nothing, and may be tried again."""


def attempt_of(key: str, caller: str, role: str, model: str, kind: str, body: bytes) -> Attempt:
    """The attempt that a request is. Raises MalformedKey."""
    text = key.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':  # a string of structured fields, as the draft writes it
        text = text[1:-1]
    if not 1 <= len(text) <= LONGEST_KEY or not (text.isascii() and text.isprintable()):
        raise MalformedKey(f"an Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID")
    name = hashlib.sha256("\0".join((caller, role, model, text)).encode()).hexdigest()
    return Attempt(name, hashlib.sha256(kind.encode() + b"\0" + body).digest())


def event_ids(attempt: Attempt) -> Iterator[str]:
    """Ids for the items of a request, in order, the same whenever it is sent: UUIDs of version 8 (RFC 9562)."""
    place = 0
    while True:
        digest = bytearray(hashlib.sha256(f"{attempt.name}/{place}".encode()).digest()[:16])
        digest[6] = (digest[6] & 0x0F) | 0x80
        digest[8] = (digest[8] & 0x3F) | 0x80
        yield str(uuid.UUID(bytes=bytes(digest)))
        place += 1
