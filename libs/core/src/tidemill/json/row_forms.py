"""What a row of events or labels has to be: typed by its schema, known by an event id, keyed by the entity. One rule
for who takes rows (ingest) and for who sends them (`tidemill.client`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tidemill.contracts.identity import EVENT_ID, event_names, label_names
from tidemill.contracts.schemas.avro_types import is_nullable
from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.json.rows import FieldError, from_json

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

LONGEST_EVENT_ID = 256
NO_ID = "is missing: an event is known by it; ?make_ids=true makes one for each item that has none"
NO_LABEL_ID = "is missing: it is the id of the event that the label is about"
NO_ENTITY = "is missing: a label is keyed by the entity of its event, else it does not meet its prediction"
MISSING: Final = object()
NULL_ENTITY = "; null where that event has none"


@dataclass(frozen=True, slots=True)
class RowForm:
    """What identifies the rows of one model, events or labels.

    `entity`: the field whose value is the record key. It is a field of the schema for events; for labels it
    is read beside the label and not stored, and `entity_nullable` says whether events may be without. `received`: a
    time field that is the time of receipt where it is left out, or None. `other_names`: (name, field) pairs under which
    fields may come too.
    """

    schema: Schema
    event_id: str
    entity: str
    received: str | None = None
    entity_nullable: bool = True
    other_names: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> bool:
        """Whether the entity stands beside the record."""
        return self.entity not in self.schema.field_names

    @property
    def content(self) -> dict[str, Any]:
        """The form as JSON; `read` makes it again."""
        return {
            "schema": self.schema.json, "event_id": self.event_id, "entity": self.entity, "received": self.received,
            "entity_nullable": self.entity_nullable, "other_names": dict(self.other_names),
        }  # fmt: skip

    @classmethod
    def read(cls, name: str, content: Mapping[str, Any]) -> RowForm:
        """The form that `content` tells. Raises ConfigError for a schema that is none, KeyError for what is no form."""
        return cls(
            make_schema(name, content["schema"]), content["event_id"], content["entity"], content["received"],
            content["entity_nullable"], tuple(content["other_names"].items()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IdentifiedRow:
    """A row that is right: `datum` is the Avro record, `key` the record key as text."""

    event_id: str
    key: str
    datum: dict[str, Any]


def event_form(spec: ModelSpec, record: Schema) -> RowForm:
    """The form of a model's events."""
    return RowForm(record, spec.event_id, spec.entity, other_names=tuple(event_names(spec, record).items()))


def label_form(spec: ModelSpec, record: Schema, label: Schema) -> RowForm:
    """The form of a model's labels. `record`: of its events."""
    nullable = any(f["name"] == spec.entity and is_nullable(f["type"]) for f in record.fields)
    return RowForm(
        label, EVENT_ID, spec.entity, "observed_at", entity_nullable=nullable,
        other_names=tuple(label_names(spec, label).items()),
    )  # fmt: skip


def read_row(
    item: Mapping[str, Any], form: RowForm, new_id: str | None, now_ms: int, no_id: str = NO_ID
) -> IdentifiedRow:
    """The record of one JSON object. `new_id`: for one without event id; None where that is an error, told by `no_id`.
    Raises FieldError, which lists all wrong fields.
    """
    row = dict(item)
    for other, name in form.other_names:
        if other in row:
            _take(row, other, name)
    entity = _beside(row, form) if form.labels else None
    if new_id is not None and row.get(form.event_id) is None:
        row[form.event_id] = new_id
    if form.received is not None and row.get(form.received) is None:
        row[form.received] = now_ms
    if row.get(form.event_id) is None:
        raise _without_id(row, form, NO_LABEL_ID if form.labels else no_id)
    datum = from_json(row, form.schema)
    event_id = str(datum[form.event_id])
    if not 1 <= len(event_id) <= LONGEST_EVENT_ID:
        raise FieldError(form.event_id, f"must have 1 to {LONGEST_EVENT_ID} characters")
    if form.entity in datum:
        entity = datum[form.entity]
    return IdentifiedRow(event_id, str(event_id if entity in (None, "") else entity), datum)


def _take(row: dict[str, Any], other: str, name: str) -> None:
    """A field that came under another name, under its own. Raises FieldError where it came under both and differs."""
    value = row.pop(other)
    if row.get(name) is None:
        row[name] = value
    elif value is not None and (value != row[name] or value.__class__ is not row[name].__class__):
        raise FieldError(other, f"is another name of {name}, which says something else: send one of them")


def _without_id(row: dict[str, Any], form: RowForm, why: str) -> FieldError:
    """Everything wrong with an item that has no event id."""
    row.pop(form.event_id, None)
    errors: list[tuple[str, str]] = []
    try:
        from_json(row, form.schema)
    except FieldError as error:
        errors = [(name, reason) for name, reason in error.errors if name != form.event_id]
    first = (form.event_id, why)
    return FieldError(*first, errors=(first, *errors))


def _beside(row: dict[str, Any], form: RowForm) -> Any:
    """Take the entity of its event out of a label's row. Raises FieldError where it is not there, or is none and
    every event has one.
    """
    name = form.entity
    value = row.pop(name, MISSING)
    if value is MISSING or (value in (None, "") and not form.entity_nullable):
        raise FieldError(name, NO_ENTITY + (NULL_ENTITY if form.entity_nullable else ""))
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
