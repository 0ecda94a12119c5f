"""Requests' rows as the stream would have them: converted, normalised, held against the model file's expectations,
personal values hidden. What is wrong is named by field, rule and the type of the value.

Rules against repeats and rules by window are about streams: they are not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.avro_types import is_nullable
from tidemill.contracts.schemas.catalog import Schema
from tidemill.json.rows import FieldError, from_json
from tidemill.rows.field_rules import FieldRules, HiddenRecords, normalised_record
from tidemill_expectations import Expectation, ExpectationError, RowChecks, event_suite
from tidemill_expectations.columns import ColumnChecks
from tidemill_expectations.times import iso

Datum = dict[str, Any]

SCHEMA_RULE = "schema"
AHEAD_RULE = "event_time_ahead"
MODEL_RULE = "model"
MOST_ERRORS = 1_000
ABSENT = "absent"
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class InstanceError:
    """One wrong field of one instance. `rule`: an expectation's name, `schema`, `event_time_ahead` or `model`.
    `type`: what came, in JSON's or Arrow's words, or `absent`.
    """

    index: int
    field: str
    reason: str
    rule: str = SCHEMA_RULE
    type: str = ""


class InvalidInstances(ValueError):
    """Instances that are not records of the model. `errors`: their wrong fields, the first of them at least; `total`:
    how many there are.
    """

    def __init__(self, errors: Sequence[InstanceError], total: int | None = None) -> None:
        first = errors[0]
        super().__init__(
            f"{first.field}: {first.reason}" if first.rule == SCHEMA_RULE and first.field else first.reason
        )
        self.errors = tuple(errors)
        self.total = len(errors) if total is None else total


@dataclass(frozen=True, slots=True)
class Noted:
    """An expectation that is no reason to refuse, and in how many rows it failed."""

    name: str
    column: str
    severity: str
    rows: int


class RecordRules:
    """What one model asks of its records. Stateless after construction."""

    def __init__(
        self,
        spec: ModelSpec,
        record: Schema,
        *,
        max_ahead_ms: int = 86_400_000,
        privacy_key: bytes | None = None,
        on_noted: Callable[[Noted], None] = lambda noted: None,
    ) -> None:
        """`max_ahead_ms`: how far an event time may lie after now. Raises ConfigError for a hash without a key,
        ExpectationError for an expectation that cannot be checked.
        """
        self._spec = spec
        self._record = record
        self._max_ahead_ms = max_ahead_ms
        self._on_noted = on_noted
        self.expectations = event_suite(spec).expectations
        self._checks = RowChecks(self.expectations)
        layout = layout_of(record.json)
        columns = layout.arrow if layout is not None else pa.schema([])
        self._breaking = [_breaking(rule, columns) for rule in self.expectations]
        required = frozenset(f["name"] for f in record.json["fields"] if not is_nullable(f["type"]))
        self._normalise = FieldRules.normalising(spec.normalise)
        self._hide = FieldRules.hiding(spec.privacy, required, privacy_key)
        types = {field["name"]: field["type"] for field in record.json["fields"]}
        self._hidden = HiddenRecords(spec.privacy, types, privacy_key)
        self.hides = bool(self._hidden.fields)
        """Whether a record is changed before it is kept."""
        self.hides_entity = spec.entity in self._hidden.fields
        """Whether a record's key says nothing any more of the partition that its label goes to."""

    def datum(self, instance: Any, index: int, event_id: str, now_ms: int) -> tuple[Datum, list[InstanceError]]:
        """The record of one JSON object, normalised, and what is wrong with it: where anything is, the record is not
        to be used. What it leaves out of event id and event time is filled in. Nothing is hidden yet.
        """
        if instance.__class__ is not dict and not isinstance(instance, Mapping):  # the latter takes ten times as long
            reason = "must be an object with the model's fields"
            return {}, [InstanceError(index, "", reason, SCHEMA_RULE, json_type(instance))]
        filled = {self._spec.event_id: event_id, self._spec.event_time: now_ms, **instance}
        try:
            datum = normalised_record(from_json(filled, self._record), self._spec.normalise)
        except FieldError as error:
            return {}, [InstanceError(index, f, r, SCHEMA_RULE, _type_at(instance, f)) for f, r in error.errors]
        return datum, list(self._broken(datum, instance, index, now_ms))

    def hide_row(self, datum: Datum) -> Datum:
        """A record as clean would hold it: with the privacy rules of the model file."""
        return self._hidden.apply(datum)

    def hide_columns(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The same for records in columns."""
        return self._hide.apply(rows)[0]

    def _broken(self, datum: Datum, instance: Mapping[str, Any], index: int, now_ms: int) -> Iterator[InstanceError]:
        for failure in self._checks.check(datum):
            rule = failure.expectation
            if rule.severity != "critical":
                self._on_noted(Noted(rule.name, rule.subject, rule.severity, 1))
                continue
            kind = json_type(instance[rule.columns[0]]) if rule.columns[0] in instance else ABSENT
            yield InstanceError(index, rule.subject, failure.message, rule.name, kind)
        time_ms = datum[self._spec.event_time]
        if time_ms > now_ms + self._max_ahead_ms:
            yield self._ahead(index, time_ms, json_type(instance.get(self._spec.event_time)))

    def columns(self, rows: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """The records of rows in columns: all fields of the record, in its types, normalised; nothing is hidden yet.
        Raises InvalidInstances.
        """
        kinds = {f.name: str(f.type) for f in rows.schema}
        rows, _ = self._normalise.apply(rows)
        errors: list[InstanceError] = []
        total = 0
        for rule, breaking in zip(self.expectations, self._breaking, strict=True):
            bad = breaking(rows)
            if not len(bad):
                continue
            if rule.severity != "critical":
                self._on_noted(Noted(rule.name, rule.subject, rule.severity, len(bad)))
                continue
            total += len(bad)
            named = bad[:MOST_ERRORS]
            for index, values in zip(named.tolist(), _values(rows.take(pa.array(named)), rule), strict=True):
                reason = rule.explain_row(values)
                errors.append(InstanceError(index, rule.subject, reason, rule.name, kinds[rule.columns[0]]))
        event_time = self._spec.event_time
        times = rows.column(event_time).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        ahead = np.flatnonzero(times > now_ms + self._max_ahead_ms)
        total += len(ahead)
        for index in ahead[:MOST_ERRORS].tolist():
            errors.append(self._ahead(index, int(times[index]), kinds[event_time]))
        if errors:
            raise InvalidInstances(sorted(errors, key=lambda error: error.index)[:MOST_ERRORS], total)
        return rows

    def _ahead(self, index: int, time_ms: int, kind: str) -> InstanceError:
        reason = f"{self._spec.event_time} is {iso(time_ms)}, more than {self._max_ahead_ms // 1_000} s after now"
        return InstanceError(index, self._spec.event_time, reason, AHEAD_RULE, kind)


def _breaking(rule: Expectation, columns: pa.Schema) -> Callable[[pa.RecordBatch], npt.NDArray[np.int64]]:
    """What gives the numbers of the rows that break a rule, ascending: by its form for columns, or row by row where it
    has none for columns of these types.
    """
    try:
        checks = ColumnChecks([rule], columns)
    except ExpectationError:
        return lambda rows: np.flatnonzero([rule.fails_row(values) for values in _values(rows, rule)])

    def breaking(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
        (mask,) = checks.failures(rows)
        return _NONE if mask is None else np.flatnonzero(mask)

    return breaking


def _values(rows: pa.RecordBatch, rule: Expectation) -> Iterator[dict[str, Any]]:
    """What each row has of a rule's columns; times are milliseconds."""
    columns = []
    for name in rule.columns:
        column = rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
        columns.append(column.to_pylist())
    return (dict(zip(rule.columns, values, strict=True)) for values in zip(*columns, strict=True))


def json_type(value: Any) -> str:
    """What a value is in JSON's words."""
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object" if isinstance(value, Mapping) else type(value).__name__


def _type_at(instance: Mapping[str, Any], path: str) -> str:
    """The type at a path such as `a.b[2]`; of its first field where it goes further than can be followed."""
    name = path if path in instance else path.replace("[", ".").partition(".")[0]
    return json_type(instance[name]) if name in instance else ABSENT
