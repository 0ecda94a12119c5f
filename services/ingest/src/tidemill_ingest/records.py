"""From JSON items to records that are ready for Kafka: typed by the model's schema, identified, keyed,
encoded. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.ids import uuid7_batch
from tidemill.json.rows import FieldError, from_json
from tidemill_ingest.bodies import Unreadable

LONGEST_EVENT_ID = 256
SHOWN_REFUSALS = 100
"""So many reasons are told one by one: an answer is not much larger than its request."""
NO_ID = "is missing: an event is known by it; ?make_ids=true makes one for each item that has none"
NO_LABEL_ID = "is missing: it is the id of the event that the label is about"
NO_ENTITY = "is missing: a label is keyed by the entity of its event, else it does not meet its prediction"
MISSING: Final = object()
NULL_ENTITY = "; null where that event has none"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the records of one model and one route go, and what identifies them.

    `entity`: the field whose value is the record key. It is a field of the schema for events; for labels it
    is read beside the label and not stored, and `entity_nullable` says whether events may be without. `received`: a
    time field that is the time of receipt where it is left out, or None. `external`: the topic is someone else's, and
    nothing is written to it from here. `other_names`: (name, field) pairs under which fields may come too.
    """

    model: str
    role: str
    topic: str
    schema: Schema
    event_id: str
    entity: str
    received: str | None = None
    external: bool = False
    entity_nullable: bool = True
    other_names: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> bool:
        """Whether the entity stands beside the record."""
        return self.entity not in self.schema.field_names


@dataclass(frozen=True, slots=True)
class Record:
    """One record for Kafka; `index` is its place in the request."""

    index: int
    event_id: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an item is not a record. `field` is empty where it is about the whole item."""

    index: int
    field: str
    reason: str


@dataclass(slots=True)
class Converted:
    """The outcome for all items of a request, in order. `refusals`: the first SHOWN_REFUSALS; `more`: how many more
    there are; `more_items`: the places of the refused items of which none is among the first.
    """

    records: list[Record] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    more: int = 0
    more_items: list[int] = field(default_factory=list)

    def refuse(self, index: int, reasons: Sequence[tuple[str, str]]) -> None:
        """Note why an item is no record: field and reason of each fault."""
        shown = reasons[: SHOWN_REFUSALS - len(self.refusals)]
        self.refusals.extend(Refusal(index, name, reason) for name, reason in shown)
        self.more += len(reasons) - len(shown)
        if not shown:
            self.more_items.append(index)

    @property
    def refused(self) -> int:
        """How many items are no records."""
        return len({refusal.index for refusal in self.refusals}) + len(self.more_items)


def convert(
    items: Sequence[Any],
    target: Target,
    codec: Codec,
    clock: Clock,
    *,
    make_ids: bool = False,
    event_ids: Iterator[str] | None = None,
) -> Converted:
    """Type, identify, key and encode items. An item without event id is refused, or with `make_ids` gets the next of
    `event_ids`, without them a UUIDv7.

    Raises RetryLater where a schema has to be registered and the registry is away; never for what an item
    holds.
    """
    now_ms = clock.now_ms()
    made = event_ids or iter(uuid7_batch(len(items), now_ms))
    ids: Iterator[str | None] = made if make_ids else repeat(None, len(items))
    converted = Converted()
    for index, item in enumerate(items):
        try:
            converted.records.append(_record(index, item, target, codec, next(ids), now_ms))
        except FieldError as error:
            converted.refuse(index, error.errors)
    return converted


def _record(index: int, item: Any, target: Target, codec: Codec, new_id: str | None, now_ms: int) -> Record:
    if isinstance(item, Unreadable):
        raise FieldError("", item.reason)
    if not isinstance(item, Mapping):
        raise FieldError("", "is not a JSON object")
    row = dict(item)
    for other, name in target.other_names:
        if other in row:
            _take(row, other, name)
    entity = _beside(row, target) if target.labels else None
    if new_id is not None and row.get(target.event_id) is None:
        row[target.event_id] = new_id
    if target.received is not None and row.get(target.received) is None:
        row[target.received] = now_ms
    if row.get(target.event_id) is None:
        raise _without_id(row, target)
    datum = from_json(row, target.schema)
    event_id = str(datum[target.event_id])
    if not 1 <= len(event_id) <= LONGEST_EVENT_ID:
        raise FieldError(target.event_id, f"must have 1 to {LONGEST_EVENT_ID} characters")
    if target.entity in datum:
        entity = datum[target.entity]
    try:
        value = codec.encode_one(datum, target.schema, target.topic)
    except ValueError as error:
        raise FieldError("", str(error)) from error
    return Record(index, event_id, str(event_id if entity in (None, "") else entity).encode(), value)


def _take(row: dict[str, Any], other: str, name: str) -> None:
    """A field that came under another name, under its own. Raises FieldError where it came under both and differs."""
    value = row.pop(other)
    if row.get(name) is None:
        row[name] = value
    elif value is not None and (value != row[name] or value.__class__ is not row[name].__class__):
        raise FieldError(other, f"is another name of {name}, which says something else: send one of them")


def _without_id(row: dict[str, Any], target: Target) -> FieldError:
    """Everything wrong with an item that has no event id."""
    row.pop(target.event_id, None)
    errors: list[tuple[str, str]] = []
    try:
        from_json(row, target.schema)
    except FieldError as error:
        errors = [(name, reason) for name, reason in error.errors if name != target.event_id]
    first = (target.event_id, NO_LABEL_ID if target.labels else NO_ID)
    return FieldError(*first, errors=(first, *errors))


def _beside(row: dict[str, Any], target: Target) -> Any:
    """Take the entity of its event out of a label's row. Raises FieldError where it is not there, or is none and
    every event has one.
    """
    name = target.entity
    value = row.pop(name, MISSING)
    if value is MISSING or (value in (None, "") and not target.entity_nullable):
        raise FieldError(name, NO_ENTITY + (NULL_ENTITY if target.entity_nullable else ""))
    if value is not None and (not isinstance(value, str | int) or isinstance(value, bool)):
        raise FieldError(name, "is neither a string nor a whole number")
    if isinstance(value, str) and not value.isascii():
        _refuse_surrogates(name, value)
    return value


def _refuse_surrogates(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldError(name, "is not valid Unicode (a surrogate stands alone)") from None
