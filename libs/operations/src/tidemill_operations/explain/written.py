"""By which schema bytes on a topic were written, in words."""

from __future__ import annotations

from tidemill.codec.framing import CONFLUENT_HEADER_BYTES, SINGLE_OBJECT_HEADER_BYTES, header_of
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog


def writer_of(value: bytes, schemas: SchemaCatalog, current: Schema) -> str:
    """The schema's name, whether it is the one of now, and its fingerprint or id."""
    header = header_of(value)
    if len(header) == CONFLUENT_HEADER_BYTES:
        return f"{current.name}, id {int.from_bytes(header[1:], 'big')} of the schema registry"
    if len(header) != SINGLE_OBJECT_HEADER_BYTES:
        return "no schema of the platform's: bytes as their source writes them"
    fingerprint = header[2:]
    found = schemas.writer(fingerprint)
    age = "as it is now" if fingerprint == current.fingerprint else "of before" if found else "not known here"
    return f"{(found or current).name}, {age}, fingerprint {fingerprint.hex()}"
