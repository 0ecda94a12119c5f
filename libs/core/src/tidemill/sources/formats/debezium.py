"""Debezium's change events: an envelope of before, after, op and times, in JSON (with or without Connect's schema
around it) or in Avro.

Created, updated and snapshot rows (op c, u, r) are events: their row is `after`. A deleted row, its tombstone, a
truncated table and a message are none. They are set aside under names of their own, so that every offset of the source
stays accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.codec.framing import CONFLUENT_HEADER_BYTES, CONFLUENT_MAGIC, SINGLE_OBJECT_MARKER, TOMBSTONE, BadRecord
from tidemill.sources.formats.avro import ForeignAvro
from tidemill.sources.formats.json_schema import JsonSchema
from tidemill.sources.formats.json_text import JsonText
from tidemill.sources.part import Format, Kind, Part, Path, Unreadable, no_value

ROWS: Final = ("c", "u", "r")
DELETED: Final = "DeletedRow"
NO_ROW: Final = "NoRow"
_OP: Final = ("op",)
_AFTER: Final = ("after",)
_SCHEMA_FIRST: Final = b'{"schema":'  # as Kafka Connect's JsonConverter begins with schemas.enable


class Debezium:
    """Tells the encodings apart by a value's first bytes and takes the envelope off."""

    def __init__(self, avro: ForeignAvro, json_schema: JsonSchema) -> None:
        self._forms: dict[str, Format] = {
            "avro": avro, "framed": json_schema, "wrapped": JsonText(), "plain": JsonText()
        }  # fmt: skip

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        groups: dict[str, list[int]] = {}
        for position, value in enumerate(values):
            groups.setdefault(_encoding(value), []).append(position)
        slow = groups.pop("none", [])
        parts: list[Part] = []
        bad: list[BadRecord] = []
        for name, places in groups.items():
            found, left, failed = self._group(name, [values[k] for k in places], wants)
            slow.extend(places[k] for k in left)
            bad.extend(BadRecord(places[b.position], b.error_class, b.message) for b in failed)
            for part in found:
                events, others = _events(part)
                slow.extend(places[k] for k in others)
                parts.append(Part([places[k] for k in events.positions], events.column))
        return parts, slow, bad

    def _group(
        self, name: str, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        wants = {**wants, _OP: "string"}
        if name != "wrapped":
            return self._forms[name].columns(values, wants)
        inside = {("payload", *path): kind for path, kind in wants.items()}
        parts, slow, bad = self._forms[name].columns(values, inside)
        return [Part(part.positions, _under("payload", part.column)) for part in parts], slow, bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        name = _encoding(value)
        if name == "none":
            raise no_value(value)
        row = self._forms[name].row(value)
        if "payload" in row and "op" not in row:
            row = row["payload"]
            if row is None:
                raise Unreadable("the tombstone of a deleted row", TOMBSTONE)
        if not isinstance(row, Mapping) or "op" not in row:
            raise Unreadable("not one of Debezium's change events: there is no `op`")
        if row["op"] == "d":
            raise Unreadable("a deleted row: nothing is left to predict from", DELETED)
        if row["op"] not in ROWS:
            raise Unreadable(f"op {row['op']!r} is about no row", NO_ROW)
        if not isinstance(row.get("after"), Mapping):
            raise Unreadable(f"op {row['op']!r} without `after`")
        return row


def _encoding(value: bytes | None) -> str:
    if not value:
        return "none"
    if value[:1] == CONFLUENT_MAGIC:
        framed_json = value[CONFLUENT_HEADER_BYTES : CONFLUENT_HEADER_BYTES + 1] == b"{"
        return "framed" if framed_json else "avro"  # in Avro, `before` comes first: 0 or 2
    if value[:2] == SINGLE_OBJECT_MARKER:
        return "avro"
    return "wrapped" if value.startswith(_SCHEMA_FIRST) else "plain"


def _under(name: str, column: Callable[[Path], pa.Array | None]) -> Callable[[Path], pa.Array | None]:
    return lambda path: column((name, *path))


def _events(part: Part) -> tuple[Part, list[int]]:
    """The rows of a part that are events, and the positions of the others."""
    op, after = part.column(_OP), part.column(_AFTER)
    if op is None or not (pa.types.is_string(op.type) or pa.types.is_dictionary(op.type)):
        return Part([], part.column), part.positions
    good = pc.is_in(op.cast(pa.string()), pa.array(ROWS)).fill_null(False)
    if after is not None:
        good = pc.and_(good, after.is_valid())
    mask = good.to_numpy(zero_copy_only=False)
    if mask.all():
        return part, []
    positions = np.asarray(part.positions, dtype=np.int64)

    def column(path: Path) -> pa.Array | None:
        found = part.column(path)
        return None if found is None else found.filter(good)

    return Part(positions[mask].tolist(), column), positions[~mask].tolist()
