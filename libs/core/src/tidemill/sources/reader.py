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
from tidemill.codec.json_rows import FieldError, from_json
from tidemill.codec.layout import Layout, layout_of
from tidemill.codec.resolution import rows_to_columns
from tidemill.contracts.model_file import ExternalSource
from tidemill.contracts.schemas import Schema
from tidemill.errors import ConfigError
from tidemill.kafka.batch import Batch
from tidemill.sources.fitting import fit_column, fit_value, kind_of
from tidemill.sources.part import Format, Kind, Part, Path, Unreadable
from tidemill.sources.paths import MISSING, value_at
from tidemill.sources.places import FromRecord, Place, places_of

UNFIT = "UnfitRecord"
"""A record that its format can read and the model's record can't hold: a field is missing, or of another kind."""


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
        column, fits = fit_column(given, field, self._types[field.name], place.unit)
        if column.null_count and (field.name in self._layout.required or field.name in self._defaults):
            fits = fits & column.is_valid().to_numpy(zero_copy_only=False)
        return column, fits

    def _row(self, batch: Batch, position: int) -> dict[str, Any] | BadRecord:
        try:
            row = self._form.row(batch.values[position])
        except Unreadable as error:
            return BadRecord(position, error.error_class, str(error))
        try:
            return from_json(self._values(row, batch, position), self._schema)
        except FieldError as error:
            reasons = [self._explain(name, reason) for name, reason in error.errors[:10]]
            return BadRecord(position, UNFIT, "; ".join(reasons))

    def _values(self, row: Mapping[str, Any], batch: Batch, position: int) -> dict[str, Any]:
        values = {}
        for name, place in self._places.items():
            value = place.value(batch, position) if isinstance(place, FromRecord) else value_at(row, place.path)
            if value is not MISSING:
                values[name] = fit_value(value, self._types[name], place.unit)
        return values

    def _explain(self, name: str, reason: str) -> str:
        place: Place | None = self._places.get(name.partition(".")[0])
        where = f" (from {place})" if place is not None and str(place) != name else ""
        return f"{name}{where}: {reason}"
