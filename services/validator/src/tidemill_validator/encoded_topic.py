"""A topic of the platform's own and what its records are written and read with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTopic:
    """`name`: full. `codec`: for one thread alone."""

    name: str
    schema: Schema
    codec: Codec

    def encode(self, datum: dict[str, Any]) -> bytes:
        """A record's value. Raises RetryLater where a registry is away."""
        return self.codec.encode_one(datum, self.schema, self.name)

    def decode(self, value: bytes | None) -> dict[str, Any]:
        """What a record says. Raises DeadLetter where it is none of the schema's."""
        return self.codec.decode_one(value, self.schema)
