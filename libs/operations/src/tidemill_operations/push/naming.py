"""Which column of a file fills which field of the record: under its own name, under the model's, or as it was told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from tidemill.contracts.identity import event_names, label_names
from tidemill.contracts.schemas.avro_types import field_type
from tidemill_operations.push.files.reading import RowError

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import SchemaCatalog

MOST_LISTED = 40
NEAR = 0.5
"""How alike two names must be for one to be offered for the other (difflib's ratio)."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which field of the record is the event id, the event time and the key.

    `other_names`: names under which fields may come too. `labels`: the records are labels, whose key stands beside
    them. `entity_nullable`: there are events without an entity.
    """

    event_id: str
    event_time: str
    entity: str
    other_names: Mapping[str, str] = field(default_factory=dict)
    labels: bool = False
    entity_nullable: bool = True


def roles_of(spec: ModelSpec, schemas: SchemaCatalog, *, labels: bool) -> Roles:
    """The roles of a model's events, or of its labels."""
    record = schemas.record(spec.name)
    if not labels:
        return Roles(spec.event_id, spec.event_time, spec.entity, event_names(spec, record))
    nullable = any(f["name"] == spec.entity and field_type(f["type"])[1] for f in record.fields)
    names = label_names(spec, schemas.label(spec.name))
    return Roles("event_id", "event_time", spec.entity, names, labels=True, entity_nullable=nullable)


def take_other_names(frame: pl.DataFrame, lines: Sequence[int], roles: Roles) -> tuple[pl.DataFrame, list[RowError]]:
    """The frame with its fields under their own names, and what contradicts itself.

    A field that comes under both names is what its own name says, or the other where that says nothing; two event
    ids that differ are an error of their row.
    """
    errors: list[RowError] = []
    for other, name in roles.other_names.items():
        if other not in frame.columns:
            continue
        if name not in frame.columns:
            frame = frame.rename({other: name})
            continue
        own, others = frame[name], frame[other].to_list()
        if name == roles.event_id:
            errors += [
                RowError(line, other, f"is {theirs!r} and {name} is {ours!r}: which one is the event id?")
                for line, ours, theirs in zip(lines, own.to_list(), others, strict=True)
                if not (_missing(ours) or _missing(theirs)) and str(ours) != str(theirs)
            ]
        merged = [theirs if _missing(ours) else ours for ours, theirs in zip(own.to_list(), others, strict=True)]
        kind = own.dtype if own.dtype == frame[other].dtype else pl.Object
        frame = frame.drop(other).with_columns(pl.Series(name, merged, dtype=kind))
    return frame, errors


def with_made_ids(frame: pl.DataFrame, name: str, ids: Sequence[str]) -> pl.DataFrame:
    """The frame with these ids (one a row) where it has none."""
    if name not in frame.columns:
        return frame.with_columns(pl.Series(name, ids, dtype=pl.String))
    given = frame[name].to_list()
    if not any(map(_missing, given)):
        return frame
    kind = pl.String if frame[name].dtype == pl.String else pl.Object
    filled = [made if _missing(own) else own for own, made in zip(given, ids, strict=True)]
    return frame.with_columns(pl.Series(name, filled, dtype=kind))


def no_id(file: str, columns: Collection[str], roles: Roles) -> str:
    """What to say of a file without event ids."""
    others = [other for other, name in roles.other_names.items() if name == roles.event_id]
    names = " or ".join([roles.event_id, *others])
    free = [name for name in columns if name != roles.entity]
    near = _nearest([roles.event_id, *others], free)
    hint = f"Is it {near}? Then say --map {near}={roles.event_id}. " if near else ""
    made = "--make-ids makes them of the file and the line: right only for a file that holds events and labels both."
    return f"{file} has no column for the event id ({names}). It has: {listed(columns)}. {hint}{made}"


def no_entity(file: str, columns: Collection[str], roles: Roles) -> str:
    """What to say of a file of labels without the entity of their events."""
    near = _nearest([roles.entity], [name for name in columns if name != roles.event_id])
    hint = f"Is it {near}? Then say --map {near}={roles.entity}. " if near else ""
    without = "--no-entity: these events have none." if roles.entity_nullable else "Every event has one."
    return (
        f"{file} has no column {roles.entity!r}: labels are keyed by the entity of their events, else they do not meet "
        f"the predictions. It has: {listed(columns)}. {hint}{without}"
    )


def listed(columns: Collection[str]) -> str:
    """Column names for people; no more than a few dozen."""
    names = list(columns)
    return ", ".join(names[:MOST_LISTED]) + (f" and {len(names) - MOST_LISTED} more" if names[MOST_LISTED:] else "")


def _nearest(wanted: Sequence[str], columns: Sequence[str]) -> str | None:
    by_key = {_plain(name): name for name in reversed(columns)}
    for name in wanted:
        found = get_close_matches(_plain(name), list(by_key)[:1000], n=1, cutoff=NEAR)
        if found:
            return by_key[found[0]]
    return None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())[:100]


def _missing(value: object) -> bool:
    return value is None or value == ""
