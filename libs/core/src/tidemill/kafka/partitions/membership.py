"""What a consumer's group metadata says about its membership.

confluent-kafka hands out `consumer_group_metadata()` as librdkafka's serialised form: `CGMDv2:`, the
generation as a native 32-bit integer, then group id and member id, each closed by a zero byte. A consumer
that was thrown out has generation -1 or no member id; a broker takes transactional offsets under that as
coming from a client without a group, *without any fencing*. So such metadata must never be used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Membership"]

_MAGIC = b"CGMDv2:"
_HEAD = len(_MAGIC) + 4


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a group at one moment; `generation` is -1 and `member_id` empty outside of one."""

    generation: int
    member_id: str

    @classmethod
    def of(cls, metadata: bytes) -> Membership:
        """Read serialised group metadata; raises ValueError for a form that is not known."""
        if not metadata.startswith(_MAGIC):
            raise ValueError(f"unknown form of group metadata: {metadata[:8]!r}")
        (generation,) = struct.unpack_from("=i", metadata, len(_MAGIC))
        _group, member_id, _rest = metadata[_HEAD:].split(b"\0", 2)
        return cls(generation, member_id.decode())

    @property
    def active(self) -> bool:
        """True if offsets sent with this metadata are fenced by the group."""
        return self.generation >= 0 and bool(self.member_id)
