"""Which arm answers an entity: a stable hash of the record key, the same on the stream, over REST, and anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

SPACE = 2**64
LONGEST_KEY = 64  # of BLAKE2b's own

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def place(key: bytes, salt: bytes) -> float:
    """The place of a key in [0, 1): 64 bits of BLAKE2b (RFC 7693), keyed by the salt."""
    digest = blake2b(key, digest_size=8, key=salt[-LONGEST_KEY:]).digest()
    return int.from_bytes(digest, "big") / SPACE


def salt_of(model: str, challenger: int) -> bytes:
    """A salt of its own for each challenger: so it is not always the same entities that try what is new."""
    return f"{challenger}/{model}".encode()


def to_challenger(keys: Sequence[bytes], salt: bytes, share: float) -> Mask:
    """Whether the challenger answers, shape [n]. A share that grows only adds keys: no entity goes back and forth
    between stages.
    """
    if share <= 0.0 or share >= 1.0:
        return np.full(len(keys), share >= 1.0)
    return np.fromiter((place(key, salt) < share for key in keys), dtype=np.bool_, count=len(keys))
