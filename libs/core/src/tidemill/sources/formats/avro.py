"""Avro values whose schema is the producer's own: from a registry by id, or from a file by fingerprint."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from fastavro import schemaless_reader

from tidemill.codec.columns import decode_columns
from tidemill.codec.exact import check_exact
from tidemill.codec.framing import CONFLUENT_MAGIC, BadRecord, header_of, split_frames
from tidemill.codec.layout import Layout, layout_of
from tidemill.codec.registry.client import Registry
from tidemill.codec.registry.lookups import Remembered
from tidemill.codec.registry.writers import writer_of
from tidemill.contracts.schemas.catalog import Schema
from tidemill.sources.formats.inlined_names import is_columnar, write_out_names
from tidemill.sources.part import Kind, Part, Path, Unreadable, no_value
from tidemill.sources.paths import column_at


class ForeignAvro:
    """Confluent's format and single-object encoding. `own`: schemas known by their fingerprint."""

    def __init__(self, registry: Registry | None, own: Sequence[Schema] = ()) -> None:
        self._own = {schema.fingerprint: schema for schema in own}
        self._by_id: Remembered[int, Schema | str] = Remembered(
            lambda number: writer_of(number, registry), lambda found: isinstance(found, Schema)
        )
        self._layouts: dict[tuple[Schema, tuple[Path, ...]], Layout | None] = {}

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        frames, bad = split_frames(values)
        parts: list[Part] = []
        slow: list[int] = []
        for frame in frames:
            writer = self._writer(frame.header)
            layout = None if isinstance(writer, str) else self._layout(writer, tuple(wants))
            if isinstance(writer, str):
                bad.extend(BadRecord(position, "UnknownSchema", writer) for position in frame.positions)
            elif layout is None:
                slow.extend(frame.positions)
            else:
                rows, good, failed = decode_columns(frame.payloads, layout)
                bad.extend(BadRecord(frame.positions[b.position], b.error_class, b.message) for b in failed)
                places = [frame.positions[k] for k in good]
                parts.append(Part(places, lambda path, rows=rows: column_at(rows, path)))  # type: ignore[misc]
        return parts, slow, bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        if not value:
            raise no_value(value)
        header = header_of(value)
        if not header:
            raise Unreadable("neither Confluent Avro nor Avro single-object encoding", "UnknownFormat")
        writer = self._writer(header)
        if isinstance(writer, str):
            raise Unreadable(writer, "UnknownSchema")
        payload = value[len(header) :]
        try:
            check_exact(payload, writer.parsed)
            row = schemaless_reader(io.BytesIO(payload), writer.parsed, None)
        except Exception as error:
            raise Unreadable(f"not a record of its schema: {error!r}") from error
        if not isinstance(row, dict):
            raise Unreadable("not a record")
        return row

    def _writer(self, header: bytes) -> Schema | str:
        if header[:1] != CONFLUENT_MAGIC:
            print_ = header[2:]
            return self._own.get(print_) or f"no schema of the source has the fingerprint {print_.hex()}"
        return self._by_id[int.from_bytes(header[1:], "big")]

    def _layout(self, writer: Schema, wants: tuple[Path, ...]) -> Layout | None:
        """The writer's schema prepared for columns, None where they would not tell all that is wanted."""
        if (writer, wants) not in self._layouts:
            written = write_out_names(writer.json)
            fine = written is not None and all(is_columnar(written, path) for path in wants)
            self._layouts[writer, wants] = layout_of(written) if fine and written is not None else None
        return self._layouts[writer, wants]
