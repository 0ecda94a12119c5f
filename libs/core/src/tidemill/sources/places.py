"""Where each field of the model's record is taken from: a path in the foreign value, or the Kafka record itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from tidemill.contracts.model_file import ExternalSource
from tidemill.contracts.model_file.sources import COORDINATES, HEADER, RECORD
from tidemill.kafka.batch import Batch
from tidemill.kafka.headers import find
from tidemill.sources.part import Path
from tidemill.sources.paths import MISSING

ENVELOPE = ("before", "after", "op", "ts_ms", "ts_us", "ts_ns", "source", "transaction")
"""The fields of Debezium's envelope: a path that begins with another name is one inside `after`."""


@dataclass(frozen=True, slots=True)
class InValue:
    """A path in the record's value; `unit` of whole numbers that are times, None where the source does not state it."""

    path: Path
    unit: str | None = None

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class FromRecord:
    """Something that Kafka keeps beside the value. `value` gives it for one position, MISSING where there is none."""

    name: str
    value: Callable[[Batch, int], Any]
    unit: str | None = "ms"

    def __str__(self) -> str:
        return self.name

    def column(self, batch: Batch, positions: Sequence[int]) -> pa.Array:
        """The same for many positions; null where there is none."""
        values = [self.value(batch, position) for position in positions]
        return pa.array([None if value is MISSING else value for value in values])


Place: TypeAlias = InValue | FromRecord


def places_of(
    source: ExternalSource, fields: Sequence[str], *, event_id: str, event_time: str, entity: str | None
) -> dict[str, Place]:
    """The place of every field. Precedence: `event_id`, `event_time`, `key`; then `fields`; then its own name."""
    debezium = source.format == "debezium"
    places: dict[str, Place] = {name: _in_value((name,), debezium) for name in fields}
    for name, field in source.fields.items():
        places[name] = _in_value(field.path, debezium, field.unit)
    if "observed_at" in places and "observed_at" not in source.fields and entity is None:
        places["observed_at"] = FromRecord("the record's time", _time)
    if source.event_id is not None:
        places[event_id] = _place(source.event_id, debezium, COORDINATES, FromRecord("coordinates", _coordinates))
    if source.key is not None and entity is not None:
        places[entity] = _place(source.key, debezium, RECORD, FromRecord("the record's key", _key))
    if source.event_time == RECORD:
        places[event_time] = FromRecord("the record's time", _time)
    elif source.event_time is not None:
        places[event_time] = _in_value(source.event_time.path, debezium, source.event_time.unit)
    return places


def _place(text: str, debezium: bool, word: str, meaning: FromRecord) -> Place:
    if text == word:
        return meaning
    if text.startswith(HEADER):
        name = text.removeprefix(HEADER)
        return FromRecord(f"header {name}", lambda batch, position: _text(find(batch.headers[position], name)))
    return _in_value(tuple(text.split(".")), debezium)


def _in_value(path: Path, debezium: bool, unit: str | None = None) -> InValue:
    if debezium:
        path = path[1:] if path[0] == "payload" and len(path) > 1 else path
        path = path if (path[0] in ENVELOPE and len(path) > 1) or path[0].startswith("ts_") else ("after", *path)
    return InValue(path, unit)


def _coordinates(batch: Batch, position: int) -> str:
    partition = batch.partitions[position]
    return f"{batch.source(partition)}-{partition}-{batch.offsets[position]}"


def _key(batch: Batch, position: int) -> Any:
    return _text(batch.keys[position])


def _time(batch: Batch, position: int) -> Any:
    at = batch.timestamps_ms[position]
    return at if at >= 0 else MISSING


def _text(value: bytes | None) -> Any:
    """UTF-8 text; bytes that are none are left for the rows to refuse."""
    if value is None:
        return MISSING
    try:
        return value.decode()
    except UnicodeDecodeError:
        return MISSING
