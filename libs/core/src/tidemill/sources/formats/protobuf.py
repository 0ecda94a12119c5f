"""Confluent's Protobuf format: magic, schema id, the message's indexes, the message; or bare messages of one type.

Messages are read by Google's own library (upb) and put into columns field by field: their types are known from the
descriptor, so columns need no second look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from tidemill.codec.framing import CONFLUENT_HEADER_BYTES, CONFLUENT_MAGIC, BadRecord
from tidemill.codec.registry.client import Registry
from tidemill.codec.registry.lookups import Remembered
from tidemill.sources.formats.proto_schema import ProtoSchema, SchemaProblem, from_registry
from tidemill.sources.formats.proto_values import getter, is_columnar, to_row
from tidemill.sources.part import Kind, Part, Path, Unreadable, no_value

KIND: Final = "PROTOBUF"
LONGEST_INDEX: Final = 10  # bytes of a varint


class Protobuf:
    """Messages whose schema a registry has (`registry`) or a file (`own`, with the name of the message)."""

    def __init__(self, registry: Registry | None, own: ProtoSchema | None = None, message: str | None = None) -> None:
        self._registry = registry
        self._own = own
        self._name = message
        self._schemas: Remembered[int, ProtoSchema | str] = Remembered(
            self._fetch, lambda found: isinstance(found, ProtoSchema)
        )
        self._types: dict[bytes, Any] = {}

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        bad: list[BadRecord] = []
        by_type: dict[Any, tuple[list[int], list[Any]]] = {}
        for position, value in enumerate(values):
            try:
                kind, message = self._read(value)
            except Unreadable as error:
                bad.append(BadRecord(position, error.error_class, str(error)))
                continue
            positions, messages = by_type.setdefault(kind, ([], []))
            positions.append(position)
            messages.append(message)
        parts: list[Part] = []
        slow: list[int] = []
        for kind, (positions, messages) in by_type.items():
            columns = _columns(kind.DESCRIPTOR, messages, wants)
            if columns is None:
                slow.extend(positions)
            else:
                parts.append(Part(positions, columns.get))
        return parts, slow, bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        kind, message = self._read(value)
        try:
            return to_row(message)
        except ValueError as error:  # proto2's text need not be UTF-8
            raise Unreadable(f"not a {kind.DESCRIPTOR.full_name}: {error}") from error

    def _read(self, value: bytes | None) -> tuple[Any, Any]:
        if value is None or (not value and self._framed):
            raise no_value(value)
        kind, start = self._type(value)
        try:
            return kind, kind.FromString(value[start:])
        except Exception as error:
            raise Unreadable(f"not a {kind.DESCRIPTOR.full_name}: {error}") from error

    @property
    def _framed(self) -> bool:
        """Whether every value must say its schema; else one may be a bare message, which may have no bytes at all."""
        return self._registry is not None or self._own is None

    def _type(self, value: bytes) -> tuple[Any, int]:
        """The message's class and where it begins."""
        if not self._framed and self._own is not None and value[:1] != CONFLUENT_MAGIC:
            return self._own.message(self._name), 0  # no message begins with a zero byte: fields count from 1
        if value[:1] != CONFLUENT_MAGIC or len(value) <= CONFLUENT_HEADER_BYTES:
            raise Unreadable("not in Confluent's format: a zero byte and a schema id come first", "UnknownFormat")
        indexes, start = _indexes(value)
        header = value[:start]
        if header not in self._types:
            schema = self._schemas[int.from_bytes(header[1:CONFLUENT_HEADER_BYTES], "big")]
            if isinstance(schema, str):
                raise Unreadable(schema, "UnknownSchema")
            try:
                self._types[header] = schema.message(indexes)
            except SchemaProblem as error:
                raise Unreadable(str(error), "UnknownSchema") from error
        return self._types[header], start

    def _fetch(self, number: int) -> ProtoSchema | str:
        if self._own is not None:
            return self._own
        if self._registry is None:
            return f"schema id {number} needs a schema registry, or `schema:` with a .proto file in the model file"
        entry = self._registry.entry(number)
        if entry is None:
            return f"the schema registry has no schema under id {number}"
        if entry.kind != KIND:
            return f"the schema under id {number} is of the kind {entry.kind}, and Protobuf is read here"
        try:
            return from_registry(entry, self._registry)
        except SchemaProblem as error:
            return f"the Protobuf schema under id {number} cannot be read: {error}"


def _columns(descriptor: Any, messages: list[Any], wants: Mapping[Path, Kind]) -> dict[Path, pa.Array] | None:
    """What is wanted of messages of one class, by path; None where columns cannot tell.

    By class and never by name: two versions of a message have one name, and each its own fields.
    """
    if not all(is_columnar(descriptor, path) for path in wants):
        return None
    found = {path: getter(descriptor, path) for path in wants}
    try:
        return {
            path: pa.array([get(message) for message in messages], type=kind)
            for path, (get, kind) in ((path, known) for path, known in found.items() if known is not None)
        }
    except (ValueError, OverflowError, pa.ArrowException):  # text that is no UTF-8, a time beyond the years
        return None


def _indexes(value: bytes) -> tuple[tuple[int, ...], int]:
    """The message's place in its file, and where the message begins (zigzag varints; one zero for the first)."""
    count, at = _varint(value, CONFLUENT_HEADER_BYTES)
    if count == 0:
        return (0,), at
    if not 0 < count <= 64:
        raise Unreadable("not in Confluent's format: no message has such indexes", "UnknownFormat")
    found = []
    for _ in range(count):
        index, at = _varint(value, at)
        found.append(index)
    return tuple(found), at


def _varint(value: bytes, at: int) -> tuple[int, int]:
    number = 0
    for k in range(LONGEST_INDEX):
        if at + k >= len(value):
            break
        byte = value[at + k]
        number |= (byte & 127) << (7 * k)
        if byte < 128:
            return (number >> 1) ^ -(number & 1), at + k + 1
    raise Unreadable("not in Confluent's format: the message's indexes are cut short", "UnknownFormat")
