"""The labels of a file that has events and labels side by side: those of the rows whose events can be sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from tidemill_operations.push.convert import Field, convert
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import Chunk
from tidemill_operations.push.naming import listed
from tidemill_operations.push.records import RecordMaker

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

LABEL: Final = "label"
OBSERVED_AT: Final = "observed_at"
KINDS: Final = {"binary": "boolean", "multiclass": "string", "regression": "double"}


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """`label`: the file's column of labels; `observed_at`: that of when each became known, None where there is none."""

    label: str
    observed_at: str | None

    def told(self, delay: timedelta) -> str:
        """When labels are taken to have become known."""
        if self.observed_at is not None:
            return f"labels became known when the column {self.observed_at} says"
        late = f"{delay} after their events" if delay else "with their events"
        return f"labels are taken to have become known {late} (target.delay; a column observed_at says otherwise)"


def label_columns(columns: Collection[str], renames: Mapping[str, str], spec: ModelSpec) -> LabelColumns:
    """Which columns they are, under their own names or as they were mapped. Raises ValueError where no column is the
    label.
    """
    by_field = {renames.get(name, name): name for name in columns}
    names = [name for name in (spec.target.label, LABEL) if name in by_field]
    if not names:
        raise ValueError(
            f"--with-labels: no column {spec.target.label!r} (target.label) has the labels. There are: "
            f"{listed(columns)}. Name it with --map COLUMN={spec.target.label}"
        )
    return LabelColumns(by_field[names[0]], by_field.get(OBSERVED_AT))


@dataclass(slots=True)
class LabelChunks:
    """Chunks of labels out of chunks of the whole file. `unlabelled`: rows that have no label yet."""

    events: RecordMaker
    spec: ModelSpec
    columns: LabelColumns
    choices: Choices
    unlabelled: int = 0

    def of(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """One chunk for each. Rows that are no events were told when these were sent, and are left out."""
        row = 0
        for chunk in chunks:
            yield self._of(chunk, row)
            row += chunk.rows

    def _of(self, chunk: Chunk, first_row: int) -> Chunk:
        events, lines, _ = self.events.records(chunk, first_row)
        fitting = set(lines)
        rows = pl.Series([line in fitting for line in chunk.lines], dtype=pl.Boolean)
        rest = chunk.frame.filter(rows) if len(chunk.frame) else chunk.frame
        if self.columns.label not in rest.columns:  # a line of JSON need not have it
            self.unlabelled += len(events)
            return Chunk(chunk.rows, pl.DataFrame(), [], [], [], chunk.written)
        label = rest[self.columns.label].alias(LABEL)
        frame = events.select(
            pl.col(self.spec.event_id).alias("event_id"), pl.col(self.spec.event_time).alias("event_time"),
            *([] if self.spec.entity in ("event_id", self.spec.event_id) else [pl.col(self.spec.entity)]),
        ).with_columns(label, self._observed_at(events, rest))  # fmt: skip
        if self.spec.entity == self.spec.event_id != "event_id":
            frame = frame.with_columns(pl.col("event_id").alias(self.spec.entity))
        there = self._has_label(label, lines, chunk)
        self.unlabelled += int((~there).sum())
        places = [place for place, fit in zip(chunk.places, rows.to_list(), strict=True) if fit]
        kept = there.to_list()
        return Chunk(
            chunk.rows, frame.filter(there),
            [line for line, fit in zip(lines, kept, strict=True) if fit], [],
            [place for place, fit in zip(places, kept, strict=True) if fit], chunk.written,
        )  # fmt: skip

    def _observed_at(self, events: pl.DataFrame, rest: pl.DataFrame) -> pl.Series:
        made = events[self.spec.event_time] + self.spec.target.delay
        column = self.columns.observed_at
        if column is None or column not in rest.columns:
            return made.alias(OBSERVED_AT)
        return rest[column].alias(OBSERVED_AT)

    def _has_label(self, label: pl.Series, lines: list[int], chunk: Chunk) -> pl.Series:
        """Not where it is missing; where it is wrong the row is told as an error of its own."""
        kind = KINDS[self.spec.target.task]
        made, errors = convert(
            pl.DataFrame([label]), lines, [Field(LABEL, kind, nullable=True)], self.choices, written=chunk.written
        )  # fmt: skip
        wrong = {error.line for error in errors}
        return made[LABEL].is_not_null() | pl.Series([line in wrong for line in lines], dtype=pl.Boolean)
