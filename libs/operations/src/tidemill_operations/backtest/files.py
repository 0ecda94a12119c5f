"""Reads a model's events and labels out of files, as `tidemill push` would take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.avro_types import is_nullable
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill_operations.backtest.material import Gathering, Material
from tidemill_operations.predict.files import batch_of
from tidemill_operations.push.checkpoint import file_digest
from tidemill_operations.push.convert import convert, record_fields
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import Chunk, RowError, count_rows, read_chunks
from tidemill_operations.push.naming import Roles, listed, no_id, roles_of, take_other_names
from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine

CHUNK_ROWS = 20_000

Advance = Callable[[int, int], None]
"""Told (rows read, rows in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """`data`: events, with their labels where `labels` is None. `renames`, `times`, `choices` as in `RowOptions`."""

    data: Path
    labels: Path | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    times: TimeLine | None = None
    choices: Choices = field(default_factory=Choices)


def read_files(files: Files, spec: ModelSpec, schemas: SchemaCatalog, codec: Codec, advance: Advance) -> Material:
    """All events and labels. Raises UnreadableFile and ValueError where a file does not do."""
    record = schemas.record(spec.name)
    required = frozenset(f["name"] for f in record.json["fields"] if not is_nullable(f["type"]))
    found = Gathering(spec, required)
    roles = roles_of(spec, schemas, labels=False)
    options = RowOptions(
        renames=files.renames, times=files.times, make_ids=files.labels is None, choices=files.choices
    )  # fmt: skip
    maker = RecordMaker(codec, record, roles, file_digest(files.data), options)
    _check_columns(files, maker, roles)
    labels = _LabelReader(files, spec, schemas)
    inside = files.labels is None and spec.target.label not in record.field_names
    row, rows = 0, count_rows(files.data) + (count_rows(files.labels) if files.labels else 0)
    for chunk in read_chunks(files.data, CHUNK_ROWS, files.choices):
        frame, lines, wrong = maker.records(chunk, row)
        found.wrong(wrong)
        kept = found.events(batch_of(frame), lines) if len(frame) else pl.DataFrame({"line": [], "event_id": []})
        if inside and len(kept):
            found.labels(kept.join(labels.of(chunk, found).drop("event_id"), on="line", how="inner"))
        row += chunk.rows
        advance(row, max(row, rows))
    for chunk in read_chunks(files.labels, CHUNK_ROWS, files.choices) if files.labels else ():
        found.labels(labels.of(chunk, found))
        row += chunk.rows
        advance(row, max(row, rows))
    return found.done()


@dataclass(slots=True)
class _LabelReader:
    """Labels of a file: event id, label, and when it became known, where the file says so."""

    files: Files
    spec: ModelSpec
    schemas: SchemaCatalog

    def of(self, chunk: Chunk, found: Gathering) -> pl.DataFrame:
        """`line`, `event_id`, `label`, `observed_at` of the rows that are right."""
        renames = {old: new for old, new in self.files.renames.items() if old in chunk.frame.columns}
        frame, errors = take_other_names(chunk.frame.rename(renames), chunk.lines, self._roles())
        if "label" not in frame.columns:
            names = listed(frame.columns)
            raise ValueError(f"no column {self.spec.target.label!r} (target.label) with the labels; there are: {names}")
        fields = record_fields(self.schemas.label(self.spec.name).json["fields"])
        wanted = [replace(f, nullable=True) for f in fields if f.name in ("event_id", "label", "observed_at")]
        labels, wrong = convert(frame, chunk.lines, wanted, self.files.choices, written=chunk.written)
        errors = [*errors, *wrong, *(chunk.errors if self.files.labels else ())]
        found.wrong(errors)
        bad = {error.line for error in errors}
        labels = labels.with_columns(pl.Series("line", chunk.lines, dtype=pl.Int64))
        return labels.filter(~pl.col("line").is_in(list(bad))) if bad else labels

    def _roles(self) -> Roles:
        return roles_of(self.spec, self.schemas, labels=True)


def _check_columns(files: Files, maker: RecordMaker, roles: Roles) -> None:
    first = next((c for c in read_chunks(files.data, 100, files.choices) if c.frame.columns), None)
    if first is None:
        raise ValueError(f"{files.data.name} has no rows that can be read")
    columns = list(first.frame.columns)
    if maker.lacks_id(columns):
        raise ValueError(no_id(files.data.name, columns, roles))
    if missing := maker.missing_fields(columns):
        raise ValueError(
            f"{files.data.name} has no column for {', '.join(missing)}. It has: {listed(columns)}. "
            "Name one with --map COLUMN=FIELD; times can be made with --event-time START/STEP."
        )


def told(errors: tuple[RowError, ...]) -> list[str]:
    """Errors for people, a line each."""
    return [f"row {one.line}: {f'{one.field}: ' if one.field else ''}{one.reason}" for one in errors]
