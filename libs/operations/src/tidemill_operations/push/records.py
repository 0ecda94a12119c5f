"""Rows of a file to records of a topic: what is missing is filled, what is wrong is set aside, the rest is
encoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.ids import deterministic_id
from tidemill_operations.push.convert import DEFAULT, Field, convert, record_fields
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import Chunk, RowError
from tidemill_operations.push.in_1970 import In1970
from tidemill_operations.push.naming import Roles, take_other_names, with_made_ids


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Event times for a file that has none: row i (from 0) gets `start + i * step`."""

    start: datetime
    step: timedelta

    @classmethod
    def parse(cls, text: str) -> TimeLine:
        """Reads START/STEP, such as 2024-01-01T00:00:00Z/10m. Raises ValueError."""
        from tidemill.contracts.quantities import parse_duration

        start, separator, step = text.partition("/")
        if not separator:
            raise ValueError(f"{text!r} is not START/STEP, such as 2024-01-01T00:00:00Z/10m")
        moment = datetime.fromisoformat(start)
        if moment.tzinfo is None:
            raise ValueError(f"{start!r} has no offset: add Z for UTC or one such as -05:00")
        return cls(moment.astimezone(UTC), parse_duration(step))

    def times(self, first_row: int, rows: int) -> pl.Series:
        """timestamp[ms, UTC] of rows `first_row` to `first_row + rows`."""
        moments = [self.start + self.step * row for row in range(first_row, first_row + rows)]
        return pl.Series(moments, dtype=pl.Datetime("ms", "UTC"))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What can be sent of a chunk (`keys`, `values` and `lines` aligned), and why the rest cannot."""

    keys: list[bytes]
    values: list[bytes]
    errors: list[RowError]
    lines: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOptions:
    """How rows of a file become records.

    `renames`: the field that a column fills, by the column's name; `times`: event times of a file that has none;
    `make_ids`: rows without event id get one; `need_entity`: a label without its event's entity is wrong, else it is
    keyed by its event id; `choices`: how texts are read.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    times: TimeLine | None = None
    make_ids: bool = False
    need_entity: bool = True
    choices: Choices = DEFAULT


AS_THEY_ARE = RowOptions()


class RecordMaker:
    """Makes records of one schema from chunks of one file.

    A row without event id is wrong, unless ids are to be made: then it gets one of the file's digest and its line. So
    the same file always gives the same ids: pushed again it is known, and labels of the same file meet its events.
    A label is keyed by the entity of its event, which stands beside it.
    """

    def __init__(
        self, codec: Codec, schema: Schema, roles: Roles, digest: str, options: RowOptions = AS_THEY_ARE
    ) -> None:
        """`digest`: SHA-256 of the file, in hex, from which ids are made."""
        self._codec = codec
        self._schema = schema
        self._roles = roles
        self._digest = digest
        self._renames = dict(options.renames)
        self._times = options.times
        self._make_ids = options.make_ids
        self._choices = options.choices
        self.in_1970 = In1970()
        self._fields = record_fields(schema.json["fields"])
        beside = roles.labels and roles.entity not in schema.field_names
        self._beside = [Field(roles.entity, "string", nullable=not options.need_entity)] if beside else []

    def unknown_columns(self, columns: list[str]) -> list[str]:
        """Columns of the file that fill no field: they are left out."""
        known = {field.name for field in self._fields} | {self._roles.entity}
        known |= self._roles.other_names.keys()
        return [name for name in columns if self._renames.get(name, name) not in known]

    def lacks_id(self, columns: list[str]) -> bool:
        """Whether no column gives event ids, and none are to be made."""
        return not self._make_ids and self._roles.event_id not in self._given(columns)

    def lacks_entity(self, columns: list[str]) -> bool:
        """Whether no column gives the entity that every label needs."""
        needed = any(not field.nullable for field in self._beside)
        return needed and self._roles.entity not in self._given(columns)

    def _given(self, columns: list[str]) -> set[str]:
        names = {self._renames.get(name, name) for name in columns}
        return {self._roles.other_names.get(name, name) for name in names} | names

    def missing_fields(self, columns: list[str]) -> list[str]:
        """Fields that must be there and that no column, id or time line fills."""
        given = self._given(columns) | {self._roles.event_id}
        if self._times is not None:
            given |= {self._roles.event_time, "observed_at"}
        return [field.name for field in self._fields if not field.nullable and field.name not in given]

    def encode(self, chunk: Chunk, first_row: int) -> Encoded:
        """The records of a chunk whose first row is row `first_row` (from 0) of the file."""
        records, fit, errors = self._converted(chunk, first_row)
        if not len(records):
            return Encoded([], [], [*chunk.errors, *errors])
        keys = self._keys(records)
        batch = (
            records.select([field.name for field in self._fields])
            .rechunk()
            .to_arrow(compat_level=pl.CompatLevel.oldest())
            .combine_chunks()
            .to_batches()[0]
        )
        lines = [line for line, good in zip(chunk.lines, fit, strict=True) if good]
        return Encoded(keys, self._codec.encode(batch, self._schema), [*chunk.errors, *errors], lines)

    def records(self, chunk: Chunk, first_row: int) -> tuple[pl.DataFrame, list[int], list[RowError]]:
        """The records of a chunk as a frame, the line of each, and why the other rows are none."""
        records, fit, errors = self._converted(chunk, first_row)
        lines = [line for line, good in zip(chunk.lines, fit, strict=True) if good]
        return records, lines, [*chunk.errors, *errors]

    def _converted(self, chunk: Chunk, first_row: int) -> tuple[pl.DataFrame, pl.Series, list[RowError]]:
        frame, contradictions = self._filled(chunk, first_row)
        fields = [*self._fields, *self._beside]
        records, errors = convert(frame, chunk.lines, fields, self._choices, written=chunk.written)
        errors += contradictions
        bad = {error.line for error in errors}
        fit = pl.Series([line not in bad for line in chunk.lines], dtype=pl.Boolean)
        good = records.filter(fit)
        self.in_1970.see(good[self._roles.event_time], pl.Series(chunk.lines, dtype=pl.Int64).filter(fit))
        return good, fit, errors

    def _filled(self, chunk: Chunk, first_row: int) -> tuple[pl.DataFrame, list[RowError]]:
        mapped = {old: new for old, new in self._renames.items() if old in chunk.frame.columns}
        replaced = [new for old, new in mapped.items() if new != old and new in chunk.frame.columns]
        frame = chunk.frame.drop(replaced).rename(mapped)
        roles = self._roles
        frame, errors = take_other_names(frame, chunk.lines, roles)
        if self._make_ids:
            ids = [deterministic_id(self._digest, line) for line in chunk.lines]
            frame = with_made_ids(frame, roles.event_id, ids)
        if self._times is not None:
            # Lines that could not be read take their place in time too: an error must not move the rows
            # behind it.
            times = self._times.times(first_row, chunk.rows)
            taken = chunk.places
            for name in (roles.event_time, "observed_at"):
                if name not in frame.columns:
                    frame = frame.with_columns(times.gather(taken).alias(name))
        return frame, errors

    def _keys(self, records: pl.DataFrame) -> list[bytes]:
        """The entity as UTF-8, the event id where there is none."""
        ids = records[self._roles.event_id].to_list()
        entities = records[self._roles.entity].to_list()
        return [str(ids[row] if entity is None else entity).encode() for row, entity in enumerate(entities)]


def parse_renames(pairs: tuple[str, ...]) -> dict[str, str]:
    """Reads COLUMN=FIELD pairs. Raises ValueError for one that is not."""
    renames: dict[str, str] = {}
    for pair in pairs:
        match = re.fullmatch(r"(.+)=([^=]+)", pair)
        if match is None:
            raise ValueError(f"{pair!r} is not COLUMN=FIELD")
        renames[match[1]] = match[2]
    return renames
