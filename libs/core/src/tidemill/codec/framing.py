"""The two wire formats, told apart by a value's first byte.

* Confluent: magic `00`, a schema id of four bytes big-endian, the Avro binary.
* Avro single-object encoding (Avro specification 1.11, "Single object encoding"): marker `C3 01`, the
CRC-64-AVRO
  fingerprint of the writer's schema in eight bytes little-endian, the Avro binary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

TOMBSTONE = "Tombstone"
"""A null value, as compacted topics have it for a key that is gone: no event, and nothing wrong."""
EMPTY = "EmptyValue"
TOMBSTONE_TEXT = "the tombstone of a key that is gone: a null value, no event"
EMPTY_TEXT = "the record has a value of no bytes"
CONFLUENT_MAGIC = b"\x00"
CONFLUENT_HEADER_BYTES = 5
SINGLE_OBJECT_MARKER = b"\xc3\x01"
SINGLE_OBJECT_HEADER_BYTES = 10


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A value that is not a record of the wanted schema and never will be.

    `position` is its place in the decoded sequence; `error_class` is a stable name for counting and filtering
    (Tombstone, EmptyValue, UnknownFormat, UnknownSchema, IncompatibleSchema, MalformedRecord); `message` is for people.
    """

    position: int
    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Frame:
    """All values of a batch that carry the same header: their positions and their Avro binaries, aligned."""

    header: bytes
    positions: list[int]
    payloads: list[bytes]


def without_value(value: bytes | None, position: int) -> BadRecord:
    """What a record without bytes is: a tombstone where its value is null, else empty."""
    if value is None:
        return BadRecord(position, TOMBSTONE, TOMBSTONE_TEXT)
    return BadRecord(position, EMPTY, EMPTY_TEXT)


def single_object_header(fingerprint: bytes) -> bytes:
    """The ten bytes before a record in single-object encoding."""
    return SINGLE_OBJECT_MARKER + fingerprint


def confluent_header(schema_id: int) -> bytes:
    """The five bytes before a record in Confluent's format."""
    return CONFLUENT_MAGIC + schema_id.to_bytes(4, "big")


def header_of(value: bytes) -> bytes:
    """The header of one framed value; empty where the value is in neither format or too short for its header."""
    if value[:1] == CONFLUENT_MAGIC:
        return value[:CONFLUENT_HEADER_BYTES] if len(value) >= CONFLUENT_HEADER_BYTES else b""
    if value[:2] == SINGLE_OBJECT_MARKER:
        return value[:SINGLE_OBJECT_HEADER_BYTES] if len(value) >= SINGLE_OBJECT_HEADER_BYTES else b""
    return b""


def split_frames(values: Sequence[bytes | None]) -> tuple[list[Frame], list[BadRecord]]:
    """Group values by header, in order of first appearance; what has no header is bad.

    A batch from one producer has one header: that case costs one comparison a value.
    """
    uniform = _uniform_frame(values)
    if uniform is not None:
        return [uniform], []
    frames: dict[bytes, Frame] = {}
    bad: list[BadRecord] = []
    for position, value in enumerate(values):
        if not value:
            bad.append(without_value(value, position))
            continue
        header = header_of(value)
        if not header:
            bad.append(BadRecord(position, "UnknownFormat", _describe_start(value)))
            continue
        frame = frames.setdefault(header, Frame(header, [], []))
        frame.positions.append(position)
        frame.payloads.append(value[len(header) :])
    return list(frames.values()), bad


def _uniform_frame(values: Sequence[bytes | None]) -> Frame | None:
    first = values[0] if values else None
    header = header_of(first) if first else b""
    if not header:
        return None
    try:
        payloads = list(map(bytes.removeprefix, values, repeat(header)))  # type: ignore[arg-type]
    except TypeError:  # a value is missing
        return None
    if sum(map(len, values)) - sum(map(len, payloads)) != len(header) * len(values):  # type: ignore[arg-type]
        return None
    return Frame(header, list(range(len(values))), payloads)


def _describe_start(value: bytes) -> str:
    return (
        f"{len(value)} bytes starting with {value[:4].hex(' ')} are neither Confluent Avro (00 + schema id)"
        " nor Avro single-object encoding (c3 01 + fingerprint)"
    )
