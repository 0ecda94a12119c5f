"""A record, batches of a foreign topic, and a registry that is a dictionary."""

from __future__ import annotations

import pathlib as files
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidemill.codec.framing import BadRecord
from tidemill.codec.registry.client import Entry
from tidemill.contracts.model_file import ExternalSource, FieldPath
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.kafka.batch import Batch
from tidemill.kafka.headers import Headers
from tidemill.sources.open import open_format
from tidemill.sources.part import Format, Kind, Part, Path
from tidemill.sources.reader import SourceReader

TIME = {"type": "long", "logicalType": "timestamp-millis"}
RECORD = make_schema(
    "payment",
    {
        "type": "record", "name": "Payment", "namespace": "test",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "at", "type": TIME},
            {"name": "customer", "type": ["null", "string"], "default": None},
            {"name": "amount", "type": "double"},
            {"name": "items", "type": ["null", "long"], "default": None},
            {"name": "online", "type": "boolean", "default": True},
        ],
    },
)  # fmt: skip
AT_MS = 1_700_000_000_123


@dataclass
class FakeRegistry:
    """Schemas by id, and by subject and version."""

    entries: dict[int, Entry] = field(default_factory=dict)
    versions: dict[tuple[str, int], Entry] = field(default_factory=dict)

    def register(self, subject: str, text: str) -> int:
        raise AssertionError("sources register nothing")

    def entry(self, schema_id: int) -> Entry | None:
        return self.entries.get(schema_id)

    def version(self, subject: str, version: int) -> Entry | None:
        return self.versions.get((subject, version))


def path(text: str, unit: Any = None) -> FieldPath:
    return FieldPath(tuple(text.split(".")), unit)


class Watched:
    """A format that keeps what its columns were at last. With `by_rows` they settle nothing: all is read row by row."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self.by_rows = False
        self.parts: list[Part] = []
        self.slow: list[int] = []

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        if self.by_rows:
            return [], list(range(len(values))), []
        self.parts, slow, bad = self._form.columns(values, wants)
        self.slow = list(slow)
        return self.parts, slow, bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        return self._form.row(value)


class WatchedReader(SourceReader):
    """A reader of payments. `form`: what reads them."""

    def __init__(self, given: ExternalSource, form: Format) -> None:
        self.form = Watched(form)
        super().__init__(given, RECORD, self.form, event_id="event_id", event_time="at", entity="customer")


def reader(form: str, registry: Any = None, folder: files.Path = files.Path(), **source: Any) -> WatchedReader:
    given = ExternalSource(topic="ops.payments", format=form, **source)  # type: ignore[arg-type]
    return WatchedReader(given, open_format(given, folder, registry))


def batch(*values: bytes | None, headers: Headers | None = None, keys: list[bytes | None] | None = None) -> Batch:
    count = len(values)
    return Batch(
        "ops.payments", [2] * count, list(range(100, 100 + count)), [AT_MS] * count,
        keys or [b"k"] * count, list(values), [headers] * count,
    )  # fmt: skip


def row_by_row(reader: WatchedReader, given: Batch) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """What `reader` makes of a batch when columns settle nothing."""
    reader.form.by_rows = True
    try:
        decoded = reader.decode(given)
    finally:
        reader.form.by_rows = False
    return data(decoded), [(one.position, one.error_class) for one in decoded.bad]


def data(decoded: Any) -> list[dict[str, Any]]:
    """Decoded rows as data, times in ms."""
    rows = decoded.rows
    at = rows.schema.get_field_index("at")
    rows = rows.set_column(at, "at", rows.column(at).cast("int64"))
    return rows.to_pylist()  # type: ignore[no-any-return]
