"""Confluent's JSON Schema format: magic, schema id, JSON.

Every document is held against the schema that its id names, as Confluent's own deserializer does: what does not keep to
it is set aside, whatever the model's record would have made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidemill.codec.framing import CONFLUENT_HEADER_BYTES, CONFLUENT_MAGIC, BadRecord
from tidemill.codec.registry.client import Registry
from tidemill.codec.registry.lookups import Remembered
from tidemill.errors import ConfigError
from tidemill.sources.formats.json_text import JsonText
from tidemill.sources.part import Kind, Part, Path, Unreadable, no_value

if TYPE_CHECKING:
    from tidemill.sources.formats.json_contract import JsonContract

KIND = "JSON"
BROKEN = "SchemaViolation"
"""A document that does not keep to its producers' JSON Schema."""


class JsonSchema:
    """Framed JSON objects. Without a registry ids are taken as they are, and nothing is checked."""

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._json = JsonText()
        self._contracts: Remembered[bytes, JsonContract | Unreadable | None] = Remembered(
            lambda header: self._look_up(int.from_bytes(header[1:], "big")),
            lambda found: not isinstance(found, Unreadable),
        )

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """See `Format.columns`."""
        bad: list[BadRecord] = []
        texts: list[bytes | None] = []
        places: list[int] = []
        for position, value in enumerate(values):
            try:
                texts.append(self._document(value)[0])
                places.append(position)
            except Unreadable as problem:
                bad.append(BadRecord(position, problem.error_class, str(problem)))
        parts, slow, _ = self._json.columns(texts, wants)
        moved = [Part([places[k] for k in part.positions], part.column) for part in parts]
        return moved, [places[k] for k in slow], bad

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """See `Format.row`."""
        text, row = self._document(value)
        return self._json.row(text) if row is None else row

    def _document(self, value: bytes | None) -> tuple[bytes, Mapping[str, Any] | None]:
        """The JSON in a value; parsed too where it was to be checked. Raises Unreadable, RetryLater."""
        contract = self._contract(value)
        assert value is not None
        text = value[CONFLUENT_HEADER_BYTES:]
        if contract is None:
            return text, None
        row = self._json.row(text)
        problem = contract.problem(row)
        if problem is not None:
            raise Unreadable(f"does not keep to its JSON Schema: {problem}", BROKEN)
        return text, row

    def _contract(self, value: bytes | None) -> JsonContract | None:
        if not value:
            raise no_value(value)
        header = value[:CONFLUENT_HEADER_BYTES]
        if header[:1] != CONFLUENT_MAGIC or len(header) < CONFLUENT_HEADER_BYTES:
            raise Unreadable("not in Confluent's format: a zero byte and a schema id come first", "UnknownFormat")
        found = self._contracts[header]
        if isinstance(found, Unreadable):
            raise Unreadable(str(found), found.error_class)
        return found

    def _look_up(self, number: int) -> JsonContract | Unreadable | None:
        if self._registry is None:
            return None
        try:
            from tidemill.sources.formats.json_contract import UnusableSchema, from_registry
        except ImportError as error:
            raise ConfigError(f"JSON Schema sources need the extra `tidemill-core[json-schema]`: {error}") from error
        entry = self._registry.entry(number)
        if entry is None:
            return Unreadable(f"the schema registry has no schema under id {number}", "UnknownSchema")
        if entry.kind != KIND:
            said = f"the schema under id {number} is of the kind {entry.kind}, and JSON Schema is read here"
            return Unreadable(said, "UnknownSchema")
        try:
            return from_registry(entry, self._registry)
        except UnusableSchema as error:
            return Unreadable(f"the JSON Schema under id {number} cannot be used: {error}", "UnknownSchema")
