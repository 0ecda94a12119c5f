"""JSON values: columns by pyarrow's reader with the types that the record wants, rows by the standard library.

pyarrow reads one document a line. That each value is one row is proved, not assumed: a value that begins with a brace
and ends with one gives at least one row, so as many rows as values means one each.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.json as pj

from tidemill.codec.framing import CONFLUENT_MAGIC, BadRecord
from tidemill.sources.formats.decimals import CONNECT_DECIMAL, with_decimals
from tidemill.sources.part import Kind, Part, Path, Unreadable, no_value
from tidemill.sources.paths import column_at, once

FEWEST: Final = 16
"""Below this many values halving costs more than reading them one by one."""
CANDIDATES: Final[dict[Kind, tuple[pa.DataType, ...]]] = {
    "string": (pa.string(), pa.int64()),
    "time": (pa.string(), pa.int64()),
    "number": (pa.float64(),),
    "whole": (pa.int64(),),
    "boolean": (pa.bool_(), pa.int64()),
}
CHANGED: Final = re.compile(r"Column\(/(.*?)\) changed from (?:string|number|boolean)")
_SCHEMA: Final = b'"schema"'
_DECIMAL: Final = CONNECT_DECIMAL.encode()
"""A document of Kafka Connect's that begins with its schema, and has decimals: text for columns, whose scale only the
rows know."""
_LINE_BREAKS: Final = re.compile(rb"[\r\n]")


class JsonText:
    """Plain JSON objects. Remembers which of the possible types a path had last."""

    def __init__(self) -> None:
        self._choices: dict[Path, int] = {}

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        slow: list[int] = []
        lines: list[tuple[int, bytes]] = []
        for position, value in enumerate(values):
            fast = value and value[:1] == b"{" and value[-1:] == b"}" and not _LINE_BREAKS.search(value)
            if fast and value and not (_SCHEMA in value[:16] and _DECIMAL in value):
                lines.append((position, value))
            else:
                slow.append(position)
        parts: list[Part] = []
        if "other" in wants.values() or _nested(wants):
            return [], sorted([*slow, *(position for position, _ in lines)]), []
        self._parse(lines, wants, parts, slow)
        return parts, slow, []

    def _parse(
        self, lines: list[tuple[int, bytes]], wants: Mapping[Path, Kind], parts: list[Part], slow: list[int]
    ) -> None:
        """Parse all at once; where that fails, halve until few are left, and leave those to the rows."""
        if len(lines) < FEWEST:
            slow.extend(position for position, _ in lines)
            return
        rows = self._read([value for _, value in lines], wants)
        if rows is not None:
            parts.append(Part([position for position, _ in lines], lambda path: column_at(rows, path)))
            return
        middle = len(lines) // 2
        self._parse(lines[:middle], wants, parts, slow)
        self._parse(lines[middle:], wants, parts, slow)

    def _read(self, payloads: list[bytes], wants: Mapping[Path, Kind]) -> pa.RecordBatch | None:
        text = b"\n".join(payloads) + b"\n"
        turned: set[Path] = set()
        while True:
            try:
                return _rows(text, len(payloads), self._types(wants))
            except pa.ArrowInvalid as error:
                path = self._other_type(str(error), wants)
                if path is None or path in turned:
                    return None
                turned.add(path)
                self._choices[path] = 1 - self._choices.get(path, 0)

    def _types(self, wants: Mapping[Path, Kind]) -> dict[Path, pa.DataType]:
        return {path: CANDIDATES[kind][self._choices.get(path, 0)] for path, kind in wants.items()}

    @staticmethod
    def _other_type(message: str, wants: Mapping[Path, Kind]) -> Path | None:
        found = CHANGED.search(message)
        path = tuple(found.group(1).split("/")) if found else ()
        return path if path in wants and len(CANDIDATES[wants[path]]) > 1 else None

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        if not value:
            raise no_value(value)
        if value[:1] == CONFLUENT_MAGIC:
            said = (
                "it starts with a zero byte, as a registry's serializers frame it: the source's format is json-schema"
            )
            raise Unreadable(f"not plain JSON: {said}", "UnknownFormat")
        try:
            row = json.loads(value, parse_constant=_refuse_constant, object_pairs_hook=once)
        except UnicodeDecodeError as error:
            raise Unreadable("not JSON: the bytes are no UTF-8 text") from error
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"not JSON: {error}") from error
        if row is None:
            raise no_value(None)
        if isinstance(row, dict) and row.keys() == {"schema", "payload"}:  # Kafka Connect's JsonConverter
            return {**row, "payload": with_decimals(row["payload"], row["schema"])}
        if not isinstance(row, dict):
            raise Unreadable(f"JSON, but {type(row).__name__} and not an object")
        return row


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON: leave the field out, or write null")


def _rows(text: bytes, count: int, types: Mapping[Path, pa.DataType]) -> pa.RecordBatch | None:
    options = pj.ParseOptions(explicit_schema=_schema(types), unexpected_field_behavior="ignore")
    read = pj.ReadOptions(use_threads=False, block_size=len(text) + 1)
    table = pj.read_json(io.BytesIO(text), read_options=read, parse_options=options)
    if table.num_rows != count:
        return None
    table.validate(full=True)  # text is UTF-8
    return table.combine_chunks().to_batches()[0]


def _schema(types: Mapping[Path, pa.DataType]) -> pa.Schema:
    tree: dict[str, Any] = {}
    for path, kind in types.items():
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = kind
    return pa.schema(_fields(tree))


def _fields(tree: Mapping[str, Any]) -> list[pa.Field]:
    return [pa.field(name, pa.struct(_fields(node)) if isinstance(node, dict) else node) for name, node in tree.items()]


def _nested(wants: Mapping[Path, Kind]) -> bool:
    """Whether one path leads through another: then no type fits both."""
    return any(path[:k] in wants for path in wants for k in range(1, len(path)))
