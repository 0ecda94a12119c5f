"""Confluent's JSON Schema format: magic, schema id, JSON.

That the registry knows the id is checked; the document is not held against the JSON Schema, which is its producers'
contract. The model's own record is: types, what must be there, and what is expected of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidemill.codec.framing import CONFLUENT_HEADER_BYTES, CONFLUENT_MAGIC, BadRecord
from tidemill.codec.registry import Registry
from tidemill.sources.json_text import JsonText
from tidemill.sources.part import Kind, Part, Path, Unreadable

KIND = "JSON"


class JsonSchema:
    """Framed JSON objects. Without a registry ids are taken as they are."""

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._json = JsonText()
        self._problems: dict[bytes, Unreadable | None] = {}

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        bad: list[BadRecord] = []
        texts: list[bytes | None] = []
        places: list[int] = []
        for position, value in enumerate(values):
            problem = self._problem(value)
            if problem is None and value is not None:
                texts.append(value[CONFLUENT_HEADER_BYTES:])
                places.append(position)
            elif problem is not None:
                bad.append(BadRecord(position, problem.error_class, str(problem)))
        parts, slow, _ = self._json.columns(texts, wants)
        moved = [Part([places[k] for k in part.positions], part.column) for part in parts]
        return moved, [places[k] for k in slow], bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        problem = self._problem(value)
        if problem is not None:
            raise problem
        return self._json.row(value[CONFLUENT_HEADER_BYTES:] if value else None)

    def _problem(self, value: bytes | None) -> Unreadable | None:
        if not value:
            return Unreadable("the record has no value", "EmptyValue")
        header = value[:CONFLUENT_HEADER_BYTES]
        if header[:1] != CONFLUENT_MAGIC or len(header) < CONFLUENT_HEADER_BYTES:
            return Unreadable("not in Confluent's format: a zero byte and a schema id come first", "UnknownFormat")
        if header not in self._problems:
            self._problems[header] = self._look_up(int.from_bytes(header[1:], "big"))
        return self._problems[header]

    def _look_up(self, number: int) -> Unreadable | None:
        entry = self._registry.entry(number) if self._registry else None
        if self._registry is None or (entry is not None and entry.kind == KIND):
            return None
        return Unreadable(f"the schema registry has no JSON Schema under id {number}", "UnknownSchema")
