"""Rows of a table to rows of a copy. Pure: columns in, columns out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT
from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.anonymise.columns import changed, moved, without_rare
from tidemill_operations.anonymise.fields import Act, Plan, Sort
from tidemill_operations.anonymise.pseudonyms import Pseudonyms
from tidemill_operations.anonymise.rare import Held, codes_of, held
from tidemill_operations.anonymise.report import FieldReport
from tidemill_operations.anonymise.said import field_report, reason_to_ask
from tidemill_operations.anonymise.source import Source

MILLIS = pa.timestamp("ms", "UTC")


@dataclass(frozen=True, slots=True)
class Copy:
    """`events`: the record's fields; `labels`: as a push of labels takes them; both in the order of the copy's own
    times and ids, which tells nothing of the table's. `rare_*`: rows that were left out for a rare value, labels of
    such events among them; `labels_dropped`: since they were to be, or have no value.
    """

    events: pa.Table
    labels: pa.Table
    fields: tuple[FieldReport, ...]
    entities: int
    nameless: int
    rare_events: int
    rare_labels: int
    labels_dropped: int


@dataclass(slots=True)
class _Events:
    """Rows of events that stay: each field's column as it is and as it becomes, and who holds it."""

    before: dict[str, pa.Array]
    after: dict[str, pa.Array]
    ids: pa.Array
    entities: pa.Array

    @property
    def holders(self) -> npt.NDArray[np.int64]:
        return codes_of(self.entities)

    def held(self, plan: Plan) -> Held:
        """By whom the values are held that may be read; of what cannot be read those that were there."""
        hidden = plan.act in (Act.HASH, Act.DROP)
        return held((self.before if hidden else self.after)[plan.name], self.holders)

    def filtered(self, kept: npt.NDArray[np.bool_]) -> _Events:
        mask = pa.array(kept)
        sides = [{name: column.filter(mask) for name, column in side.items()} for side in (self.before, self.after)]
        return _Events(sides[0], sides[1], self.ids.filter(mask), self.entities.filter(mask))


def make_copy(
    spec: ModelSpec, plans: Mapping[str, Plan], choices: Choices, source: Source, names: Pseudonyms,
    told: Callable[[str, int, int], None],
) -> Copy:  # fmt: skip
    """Every row of the source is in the copy, or counted among those that are not."""
    events = _without_rare_rows(_changed(spec, plans, source, names, told), plans, choices.rare)
    shifts = None
    if choices.shift is not None:
        bound = int(choices.shift.total_seconds() * 1_000)
        shifts = names.shifts(events.entities, events.ids, bound)
    for plan in plans.values():
        if plan.in_record and plan.sort is Sort.TIME and plan.act is Act.KEEP:
            events.after[plan.name] = moved(events.after[plan.name], shifts, choices.truncate)
    reports = [_settled(spec, plan, events, choices) for plan in plans.values() if plan.in_record]
    at = pc.index_in(source.labels.column(EVENT_ID), value_set=events.ids).combine_chunks()
    own = source.labels.filter(at.is_valid()).combine_chunks()
    labels, report, dropped, rare = _labels(
        spec, plans[spec.target.label], choices, events, own, at.drop_null(), shifts, names
    )
    return Copy(
        pa.table(events.after).sort_by([(spec.event_time, "ascending"), (spec.event_id, "ascending")]), labels,
        (*reports, report), len(pc.unique(events.entities.drop_null())), events.entities.null_count,
        rare_events=source.events.num_rows - len(events.ids),
        rare_labels=source.labels.num_rows - own.num_rows + rare, labels_dropped=dropped,
    )  # fmt: skip


def _changed(
    spec: ModelSpec, plans: Mapping[str, Plan], source: Source, names: Pseudonyms, told: Callable[[str, int, int], None]
) -> _Events:
    ids = source.events.column(EVENT_ID).combine_chunks()
    before = {plan.name: source.events.column(plan.name).combine_chunks() for plan in plans.values() if plan.in_record}
    before[spec.event_id] = ids  # an input of REST has the id of its prediction
    after = {}
    for number, (name, column) in enumerate(before.items(), 1):
        after[name] = changed(column, plans[name], names)
        told("fields", number, len(before))
    return _Events(before, after, ids, before[spec.entity])


def _without_rare_rows(events: _Events, plans: Mapping[str, Plan], below: int) -> _Events:
    """Without rows whose rare value nothing can stand for; again and again, for what is left may have become rare."""
    fixed = [
        plan
        for plan in plans.values()
        if plan.in_record and plan.judged and plan.act is not Act.ASK and not plan.replaceable
    ]
    while True:
        gone = np.zeros(len(events.ids), dtype=np.bool_)
        for plan in fixed:
            gone |= events.held(plan).rare_rows(below)
        if not gone.any():
            return events
        events = events.filtered(~gone)


def _settled(spec: ModelSpec, plan: Plan, events: _Events, choices: Choices) -> FieldReport:
    """Takes rare values out of a field, and says what was done to it."""
    found = events.held(plan)
    rare = found.rare_rows(choices.rare)
    ask = reason_to_ask(plan, found, choices)
    replaced = 0
    if plan.judged and not ask:
        events.after[plan.name] = without_rare(events.after[plan.name], plan, rare)
        replaced = int(rare.sum())
    return field_report(spec, plan, found, choices, replaced=replaced, ask=ask)


def _labels(
    spec: ModelSpec, plan: Plan, choices: Choices, events: _Events, own: pa.Table, at: pa.Array,
    shifts: npt.NDArray[np.int64] | None, names: Pseudonyms,
) -> tuple[pa.Table, FieldReport, int, int]:  # fmt: skip
    """The labels, what was done to them, how many were dropped, and how many left out as rare. `at`: of each label,
    where its event is.
    """
    there = own.column(LABEL).is_valid().combine_chunks()
    rows, at = own.filter(there).combine_chunks(), at.filter(there)
    column = rows.column(LABEL).combine_chunks() if rows.num_rows else pa.array([], own.schema.field(LABEL).type)
    found = held(column, events.holders[np.asarray(at, dtype=np.int64)])
    kept = np.ones(len(column), dtype=np.bool_)
    ask = reason_to_ask(plan, found, choices)
    if plan.act is Act.DROP:
        kept[:] = False
    elif plan.judged and not ask:
        kept = ~found.rare_rows(choices.rare)
    made = column if plan.act is Act.DROP else changed(column, plan, names)
    mask = pa.array(kept)
    places = at.filter(mask)
    table = _label_table(spec, events, rows.filter(mask), made.filter(mask), places, shifts, choices)
    left = len(column) - len(made.filter(mask))
    dropped = own.num_rows - len(column) + (left if plan.act is Act.DROP else 0)
    report = field_report(spec, plan, found, choices, replaced=0, ask=ask, labels=True)
    return table, report, dropped, 0 if plan.act is Act.DROP else left


def _label_table(
    spec: ModelSpec, events: _Events, rows: pa.Table, label: pa.Array, at: pa.Array,
    shifts: npt.NDArray[np.int64] | None, choices: Choices,
) -> pa.Table:  # fmt: skip
    moves = None if shifts is None else shifts[np.asarray(at, dtype=np.int64)]

    def time(name: str) -> pa.Array:
        column = rows.column(name).cast(MILLIS).combine_chunks() if rows.num_rows else pa.array([], MILLIS)
        return moved(column, moves, choices.truncate)

    columns = {
        "event_id": events.after[spec.event_id].take(at), "label": label,
        "event_time": time(EVENT_TIME), "observed_at": time(OBSERVED_AT),
    }  # fmt: skip
    if spec.entity not in columns:  # else the event's id is its entity
        columns[spec.entity] = events.after[spec.entity].take(at)
    return pa.table(columns).sort_by([("observed_at", "ascending"), ("event_id", "ascending")])
