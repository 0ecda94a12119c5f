"""From JSON items to records that are ready for Kafka: typed by the model's schema, identified, keyed,
encoded. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.ids import uuid7_batch
from tidemill.json.row_forms import RowForm, read_row
from tidemill.json.rows import FieldError
from tidemill_ingest.bodies import Unreadable

SHOWN_REFUSALS = 100
"""So many reasons are told one by one: an answer is not much larger than its request."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the records of one model and one route go, and what its rows have to be. `external`: the topic is someone
    else's, and nothing is written to it from here.
    """

    model: str
    role: str
    topic: str
    form: RowForm
    external: bool = False


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
    row = read_row(item, target.form, new_id, now_ms)
    try:
        value = codec.encode_one(row.datum, target.form.schema, target.topic)
    except ValueError as error:
        raise FieldError("", str(error)) from error
    return Record(index, row.event_id, row.key.encode(), value)
