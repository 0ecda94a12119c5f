"""Topic values to rows and back."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastavro import schemaless_reader, schemaless_writer

from tidemill.codec.exact import check_exact
from tidemill.codec.framing import (
    CONFLUENT_MAGIC,
    BadRecord,
    Frame,
    confluent_header,
    single_object_header,
    split_frames,
)
from tidemill.codec.plain import parse_plain
from tidemill.codec.registry.client import Registry
from tidemill.codec.registry.lookups import Remembered
from tidemill.codec.registry.writers import writer_of
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.errors import ConfigError, DeadLetter, RetryLater

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from tidemill.codec.layout import Layout


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded batch.

    `rows`: the good records in order, fields as the reader's schema has them. `index`: int64 [rows], the
    position of each row in the values that were given. `bad`: all other values, by position.
    """

    rows: pa.RecordBatch
    index: npt.NDArray[np.int64]
    bad: list[BadRecord]


class Codec:
    """Decodes both wire formats and writes one: Confluent's where a registry is given, else single-object
    encoding.

    Writers' schemas are found by fingerprint in the catalog (history included) or by id in the registry, so
    that records written with an earlier schema stay readable. Keeps what it learns; use one per thread.
    """

    def __init__(
        self,
        schemas: SchemaCatalog,
        registry: Registry | None = None,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic_s`: by which it is time to ask the registry again for a schema that it did not have."""
        self._schemas = schemas
        self._registry = registry
        self._by_id: Remembered[int, Schema | str] = Remembered(
            lambda number: writer_of(number, registry),
            lambda found: isinstance(found, Schema),
            monotonic_s=monotonic_s,
        )
        self._layouts: dict[Schema, Layout | None] = {}
        self._plain: dict[Schema, Any] = {}
        self._faults: dict[tuple[Schema, Schema], str | None] = {}

    def decode(self, values: Sequence[bytes | None], reader: Schema) -> Decoded:
        """Decode a batch of framed values into columns of `reader`.

        Timestamps come as timestamp[ms, UTC], enums as strings, bytes as binary. Raises RetryLater when a
        schema id has to be looked up and the registry is away, or a schema is unknown and changed model files wait to
        be taken up: then nothing is known to be bad.
        """
        import numpy as np

        from tidemill.codec.columns import concat_in_order

        layout = self._layout(reader)
        frames, bad = split_frames(values)
        if len(frames) == 1 and len(frames[0].positions) == len(values):
            rows, positions, bad = self._decode_frame(frames[0], reader, layout)
            whole = len(positions) == len(values)
            return Decoded(rows, np.arange(len(values)) if whole else np.asarray(positions, dtype=np.int64), bad)
        parts: list[tuple[pa.RecordBatch, list[int]]] = []
        for frame in frames:
            rows, positions, failed = self._decode_frame(frame, reader, layout)
            parts.append((rows, [frame.positions[k] for k in positions]))
            bad.extend(BadRecord(frame.positions[b.position], b.error_class, b.message) for b in failed)
        rows, index = concat_in_order(parts, layout)
        return Decoded(rows, np.asarray(index, dtype=np.int64), sorted(bad, key=lambda b: b.position))

    def encode(self, rows: pa.RecordBatch, schema: Schema, topic: str | None = None) -> list[bytes]:
        """Encode and frame rows, one value per row. Columns are found by name. With a registry the schema
        is registered under `<topic>-value` (the record's full name where no topic is given).

        Raises ValueError for rows that the schema does not admit, RetryLater when the registry is away.
        """
        from tidemill.codec.columns import encode_columns

        header = self._header(schema, topic)
        return [header + binary for binary in encode_columns(rows, self._layout(schema))]

    def encode_one(self, datum: dict[str, Any], schema: Schema, topic: str | None = None) -> bytes:
        """Encode and frame one datum; timestamps are int milliseconds. Raises ValueError where the schema
        refuses it.
        """
        stream = io.BytesIO()
        try:
            schemaless_writer(stream, self._without_logical_types(schema), datum, strict_allow_default=True)
        except (
            Exception
        ) as error:  # fastavro raises whatever a wrong value leads to: TypeError, KeyError, struct.error, …
            raise ValueError(f"not a {schema.name} record: {error}") from error
        return self._header(schema, topic) + stream.getvalue()

    def encode_each(self, data: Sequence[dict[str, Any]], schema: Schema, topic: str | None = None) -> list[bytes]:
        """As `encode_one` of every datum, at a fraction of the cost where there are several of plain fields."""
        from tidemill.codec.plain_rows import plain_columns

        layout = self._known_layout(schema)
        rows = plain_columns(data, layout) if layout is not None else None
        if rows is None:
            return [self.encode_one(datum, schema, topic) for datum in data]
        return self.encode(rows, schema, topic)

    def decode_one(self, value: bytes | None, reader: Schema) -> dict[str, Any]:
        """Decode one framed value; timestamps come as int milliseconds. Raises DeadLetter for a bad one,
        RetryLater.
        """
        frames, bad = split_frames([value])
        if bad:
            raise DeadLetter(bad[0].message)
        writer = self._writer(frames[0].header)
        if isinstance(writer, str):
            raise DeadLetter(writer)
        stream = io.BytesIO(frames[0].payloads[0])
        try:
            check_exact(frames[0].payloads[0], self._without_logical_types(writer))
            datum = schemaless_reader(stream, self._without_logical_types(writer), self._without_logical_types(reader))
        except Exception as error:  # fastavro raises whatever a broken byte leads to
            raise DeadLetter(f"not a {reader.name} record: {error!r}") from error
        if not isinstance(datum, dict):
            raise DeadLetter(f"not a {reader.name} record")
        return datum

    def _decode_frame(
        self, frame: Frame, reader: Schema, layout: Layout
    ) -> tuple[pa.RecordBatch, list[int], list[BadRecord]]:
        from tidemill.codec.columns import decode_columns, empty
        from tidemill.codec.resolution import decode_rows, project

        writer = self._writer(frame.header)
        if isinstance(writer, str):
            return empty(layout), [], [BadRecord(k, "UnknownSchema", writer) for k in range(len(frame.payloads))]
        reason = self._fault(writer, reader)
        if reason is not None:
            return empty(layout), [], [BadRecord(k, "IncompatibleSchema", reason) for k in range(len(frame.payloads))]
        if writer.fingerprint == reader.fingerprint:
            return decode_columns(frame.payloads, layout)
        written = self._known_layout(writer)
        if written is not None:
            rows, positions, bad = decode_columns(frame.payloads, written)
            projected = project(rows, writer, reader, layout)
            if projected is not None:
                return projected, positions, bad
        plain = self._without_logical_types
        return decode_rows(frame.payloads, plain(writer), plain(reader), layout)

    def _writer(self, header: bytes) -> Schema | str:
        """The writer's schema by a value's header, or the reason why there is none."""
        if header[:1] == CONFLUENT_MAGIC:
            return self._by_id[int.from_bytes(header[1:], "big")]
        fingerprint = header[2:]
        found = self._schemas.writer(fingerprint)
        if found is None and self._schemas.coming():
            raise RetryLater(
                f"no schema has the fingerprint {fingerprint.hex()} yet, and changed model files lie there"
            )
        return found or f"no schema has the fingerprint {fingerprint.hex()}"

    def _header(self, schema: Schema, topic: str | None) -> bytes:
        if self._registry is None:
            return single_object_header(schema.fingerprint)
        subject = f"{topic}-value" if topic else schema.full_name
        return confluent_header(self._registry.register(subject, schema.text))

    def _layout(self, schema: Schema) -> Layout:
        layout = self._known_layout(schema)
        if layout is None:
            raise ConfigError(
                f"the schema {schema.name!r} has a type that batches cannot hold: a union of several types,"
                " fixed, or a reference to a named type. Write the type out in place, or split the field."
            )
        return layout

    def _known_layout(self, schema: Schema) -> Layout | None:
        from tidemill.codec.layout import layout_of

        if schema not in self._layouts:
            self._layouts[schema] = layout_of(schema.json)
        return self._layouts[schema]

    def _fault(self, writer: Schema, reader: Schema) -> str | None:
        pair = (writer, reader)
        if pair not in self._faults:
            self._faults[pair] = _incompatible(writer, reader)
        return self._faults[pair]

    def _without_logical_types(self, schema: Schema) -> Any:
        if schema not in self._plain:
            try:
                self._plain[schema] = parse_plain(schema.json)
            except ValueError as error:
                raise ConfigError(f"the schema {schema.name!r} cannot be used: {error}") from error
        return self._plain[schema]


def _incompatible(writer: Schema, reader: Schema) -> str | None:
    """Why nothing that was written so may be read so; None where it may."""
    from tidemill.codec.resolution import changed_meaning

    if _short_name(writer.full_name) not in _short_names(reader):
        return f"a record {writer.full_name} where {reader.full_name} belongs"
    return changed_meaning(writer, reader)


def _short_name(full_name: str) -> str:
    """Records resolve by their unqualified names (Avro specification, "Schema Resolution")."""
    return full_name.rpartition(".")[2]


def _short_names(reader: Schema) -> set[str]:
    """What a writer may call the reader's record."""
    return {_short_name(name) for name in (reader.full_name, *reader.parsed.get("aliases", ()))}
