"""Batches of a foreign topic as columns of the model's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidemill.codec.codec import Decoded
from tidemill.codec.columns import concat_in_order
from tidemill.codec.framing import BadRecord
from tidemill.codec.layout import Layout, layout_of
from tidemill.codec.resolution import rows_to_columns
from tidemill.contracts.model_file import ExternalSource
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import ConfigError
from tidemill.json.python_values import fit_value, kind_of
from tidemill.json.rows import FieldError, from_json
from tidemill.kafka.batch import Batch
from tidemill.sources.fitting import fit_column
from tidemill.sources.formats.stand_ins import taken, taken_column
from tidemill.sources.part import Format, Kind, Part, Path, Unreadable
from tidemill.sources.paths import MISSING, TWICE, value_at
from tidemill.sources.places import FromRecord, Place, places_of

UNFIT = "UnfitRecord"
"""A record that its format can read and the model's record can't hold: a field is missing, or of another kind."""


DECIMAL_CURE = (
    "; if the column is a DECIMAL, its bytes tell nothing without their scale: set `schemas.enable` of the converter "
    "to true, or Debezium's `decimal.handling.mode` to double"
)


class SourceReader:
    """Decodes what someone else's producers wrote. For one thread.

    Columns first; a row that columns don't settle is read by itself, by the same rules, and its faults are named
    field by field. The answer is the same either way, and the same whenever a batch is decoded again.
    """

    def __init__(
        self,
        source: ExternalSource,
        schema: Schema,
        form: Format,
        *,
        event_id: str,
        event_time: str,
        entity: str | None,
    ) -> None:
        """`schema`: the record's. `entity`: the field that `source.key` gives; None for labels.

        Raises ConfigError where the record has a type that JSON rows or columns can't hold.
        """
        layout = layout_of(schema.json)
        if layout is None:
            raise ConfigError(f"the schema {schema.name!r} has a type that batches cannot hold")
        self._schema = schema
        self._layout: Layout = layout
        self._form = form
        self._debezium = source.format == "debezium"
        self._types: dict[str, Any] = {f["name"]: f["type"] for f in schema.json["fields"]}
        self._defaults = {f["name"] for f in schema.json["fields"] if f.get("default") is not None}
        self._places = places_of(source, list(self._types), event_id=event_id, event_time=event_time, entity=entity)
        self._wants: dict[Path, Kind] = {
            place.path: kind_of(self._types[name])
            for name, place in self._places.items()
            if not isinstance(place, FromRecord)
        }

    def decode(self, batch: Batch) -> Decoded:
        """The good rows as columns, and all others with their reasons. Raises RetryLater (registry)."""
        parts, slow, bad = self._form.columns(batch.values, self._wants)
        done: list[tuple[pa.RecordBatch, list[int]]] = []
        for part in parts:
            rows, positions, left = self._fit(part, batch)
            slow.extend(left)
            if rows.num_rows:
                done.append((rows, positions))
        data: list[dict[str, Any]] = []
        read: list[int] = []
        for position in sorted(slow):
            datum = self._row(batch, position)
            if isinstance(datum, BadRecord):
                bad.append(datum)
            else:
                data.append(datum)
                read.append(position)
        if data:
            done.append((rows_to_columns(data, self._layout), read))
        rows, index = concat_in_order(done, self._layout)
        return Decoded(rows, np.asarray(index, dtype=np.int64), sorted(bad, key=lambda b: b.position))

    def _fit(self, part: Part, batch: Batch) -> tuple[pa.RecordBatch, list[int], list[int]]:
        """The rows of a part that columns settle, and the positions of the others."""
        fits = np.ones(len(part.positions), dtype=np.bool_)
        columns = []
        for field in self._layout.arrow:
            column, good = self._column(field, part, batch)
            columns.append(column)
            fits &= good
        rows = pa.RecordBatch.from_arrays(columns, schema=self._layout.arrow)
        if fits.all():
            return rows, part.positions, []
        positions = np.asarray(part.positions, dtype=np.int64)
        return rows.filter(pa.array(fits)), positions[fits].tolist(), positions[~fits].tolist()

    def _column(self, field: pa.Field, part: Part, batch: Batch) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        place = self._places[field.name]
        given = place.column(batch, part.positions) if isinstance(place, FromRecord) else part.column(place.path)
        if given is None:
            given = pa.nulls(len(part.positions))
        avro = self._types[field.name]
        column, fits = fit_column(given, field, avro, place.unit)
        column, fits = taken_column(given, column, fits, kind_of(avro), self._debezium)
        if column.null_count and (field.name in self._layout.required or field.name in self._defaults):
            fits = fits & column.is_valid().to_numpy(zero_copy_only=False)
        return column, fits

    def _row(self, batch: Batch, position: int) -> dict[str, Any] | BadRecord:
        try:
            row = self._form.row(batch.values[position])
        except Unreadable as error:
            return BadRecord(position, error.error_class, str(error))
        unfit: list[tuple[str, str]] = []
        values = self._values(row, batch, position, unfit)
        gone = {name for name, _ in unfit}
        try:
            datum = from_json(values, self._schema)
        except FieldError as error:
            unfit += [(name, reason) for name, reason in error.errors if name not in gone]
        if not unfit:
            return datum
        reasons = [self._explain(name, reason, values) for name, reason in unfit[:10]]
        return BadRecord(position, UNFIT, "; ".join(reasons))

    def _values(
        self, row: Mapping[str, Any], batch: Batch, position: int, unfit: list[tuple[str, str]]
    ) -> dict[str, Any]:
        """What stands at the places of the fields; what can be no value of any record joins `unfit`."""
        values = {}
        for name, place in self._places.items():
            value = place.value(batch, position) if isinstance(place, FromRecord) else value_at(row, place.path)
            if value is MISSING:
                continue
            if value is TWICE:
                unfit.append((name, "stands twice in one object: which value is meant cannot be told"))
                continue
            try:
                value = taken(value, kind_of(self._types[name]), self._debezium)
                values[name] = fit_value(value, self._types[name], place.unit)
            except ValueError as error:
                unfit.append((name, str(error)))
        return values

    def _explain(self, name: str, reason: str, values: Mapping[str, Any]) -> str:
        place: Place | None = self._places.get(name.partition(".")[0])
        where = f" (from {place})" if place is not None and str(place) != name else ""
        return f"{name}{where}: {reason}{self._cure(name, values.get(name))}"

    def _cure(self, name: str, value: Any) -> str:
        kind = kind_of(self._types[name]) if name in self._types else "other"
        if kind == "time" and isinstance(value, int) and not isinstance(value, bool):
            return "; a whole number in another unit is told by `unit:` (s, ms, us, ns) beside its path"
        if self._debezium and kind in ("number", "whole") and isinstance(value, str):
            return DECIMAL_CURE
        if self._debezium and kind == "boolean" and isinstance(value, int):
            return "; of whole numbers 0 and 1 alone are booleans"
        return ""
