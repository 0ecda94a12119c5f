"""What stands for names in a copy: keyed hashes, and how far each entity's times are moved."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from secrets import token_bytes

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidemill.contracts.model_file.spec import PrivacyRule
from tidemill.rows.field_rules import FieldRules

KEY_BYTES = 32
SHIFT = "shift"


@dataclass(frozen=True, slots=True, repr=False)
class Pseudonyms:
    """HMAC-SHA-256, 128 bits of it. The same value under the same key and name gives the same hash; nobody without the
    key can make one. Not printed by repr.
    """

    key: bytes

    @classmethod
    def forgotten(cls) -> Pseudonyms:
        """Under a key of its own that is nowhere else."""
        return cls(token_bytes(KEY_BYTES))

    def hashed(self, texts: pa.Array, domain: str) -> pa.Array:
        """A hash for each text, null for null; another one for the same text of another domain."""
        rules = FieldRules.hiding({"text": PrivacyRule("hash")}, frozenset(), self._key_of(domain))
        return rules.apply(pa.record_batch({"text": texts.cast(pa.string())}))[0].column("text")

    def shifts(self, entities: pa.Array, ids: pa.Array, bound_ms: int) -> npt.NDArray[np.int64]:
        """int64 [rows]: by how many ms each row's times go back, 0 to `bound_ms`, one number for each entity; an event
        that has none has its own.
        """
        own = self._drawn(ids, f"{SHIFT} of an event", bound_ms)
        if not entities.null_count:
            return self._drawn(entities, SHIFT, bound_ms)
        there = np.asarray(entities.is_valid().to_numpy(zero_copy_only=False))
        return np.where(there, self._drawn(entities, SHIFT, bound_ms), own)

    def _drawn(self, texts: pa.Array, domain: str, bound_ms: int) -> npt.NDArray[np.int64]:
        key, encoded = self._key_of(domain), texts.dictionary_encode()
        drawn = [
            int.from_bytes(hmac.digest(key, (text or "").encode(), "sha256")[:16], "big") % (bound_ms + 1)
            for text in encoded.dictionary.to_pylist()
        ]
        at = np.asarray(encoded.indices.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
        return np.asarray(drawn or [0], dtype=np.int64)[at]

    def _key_of(self, domain: str) -> bytes:
        return hmac.digest(self.key, b"tidemill anonymise\0" + domain.encode(), "sha256")
