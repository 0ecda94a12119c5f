"""Which records of a batch may pass, and why the others may not: the columns' part, without memory.

Pure: values in, a judgement out. Whether an event id came before is decided afterwards
(`tidemill_validator.checks.stream_validator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.codec import Codec
from tidemill.codec.codec import Decoded
from tidemill.contracts.schemas.catalog import Schema
from tidemill.rows.field_rules import FieldRules
from tidemill_expectations import Expectation, ExpectationError, Suite, Windowed
from tidemill_expectations.columns import ColumnChecks
from tidemill_expectations.times import iso
from tidemill_expectations.windows.accumulate import WindowChecks

EVENT_TIME_AHEAD = "event_time_ahead"
"""Reason for records from the future: their time would move every window that is measured in event time."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a record is dead: a stable name, the column (empty: the whole record), and a text for
    people.
    """

    name: str
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The positions of all records of a batch that did not meet one expectation, ascending."""

    name: str
    column: str
    severity: str
    positions: Positions
    arguments: str = ""


@dataclass(slots=True)
class Judgement:
    """What is known of a batch.

    `record`: the rows as clean shall have them, all fields. `changed`: bool [rows], those that are no longer as they
    came. `times`: int64 [rows], event times in ms, 0 where there is none. `index`: int64 [rows], the position of each
    row in the batch. `passing`: row numbers, ascending, that met every critical expectation. `dead`: reasons by
    position, in the order of the suite. `failed`: counts for the quality report, warnings included.
    """

    record: pa.RecordBatch
    changed: npt.NDArray[np.bool_]
    times: Positions
    index: Positions
    passing: Positions
    dead: dict[int, list[Reason]] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a model file does to fields: before the checks, and after them. `private` are named by no message."""

    normalise: FieldRules = field(default_factory=FieldRules)
    privacy: FieldRules = field(default_factory=FieldRules)
    private: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a judge must know of a record's fields. `kept`: those to keep beside what expectations look at.
    `other_times`: those that may lie no further ahead than the event time may.
    """

    event_time: str
    kept: tuple[str, ...] = ()
    other_times: tuple[str, ...] = ()


class Judge:
    """Judges batches of one topic's values. One per thread, as the codec that it uses."""

    def __init__(
        self,
        codec: Codec,
        schema: Schema,
        suite: Suite,
        fields: Fields,
        *,
        max_ahead_ms: int,
        rules: Rules | None = None,
    ) -> None:
        """Raises ExpectationError where the suite does not fit the schema."""
        self._codec = codec
        self._schema = schema
        self._fields = fields
        self._max_ahead_ms = max_ahead_ms
        self._rules = rules or Rules()
        empty = codec.decode([], schema).rows
        later = [c for rule in (*suite.uniques, *suite.windows) for c in rule.columns]
        if any(isinstance(rule, Windowed) and rule.needs_columns for rule in suite.windows):
            later = list(empty.schema.names)
        self._kept = list(dict.fromkeys([*fields.kept, fields.event_time, *later]))
        wanted = dict.fromkeys([*self._kept, *(c for e in suite.expectations for c in e.columns)])
        missing = [name for name in wanted if name not in empty.schema.names]
        if missing:
            raise ExpectationError(f"the schema {schema.name!r} has no field {', '.join(missing)}")
        self._checks = ColumnChecks(suite.expectations, empty.schema)
        self.windows = WindowChecks(suite.windows, empty.select(self._kept).schema, fields.event_time)

    def judge(
        self, values: Sequence[bytes | None], timestamps_ms: Positions | Sequence[int], decoded: Decoded | None = None
    ) -> Judgement:
        """Decode, normalise and check a batch. `timestamps_ms`: the broker's time of each record. `decoded`: what
        another reader made of the values, none of which is in the platform's own encoding. Raises RetryLater
        (registry).
        """
        foreign = decoded is not None
        decoded = decoded or self._codec.decode(values, self._schema)
        record, changed = self._rules.normalise.apply(decoded.rows)
        changed |= foreign
        known = _known_times(record, self._fields.event_time)
        rows = record.num_rows
        judgement = Judgement(record, changed, known, decoded.index, np.arange(rows, dtype=np.int64))
        for bad in decoded.bad:
            judgement.dead[bad.position] = [Reason(bad.error_class, "", bad.message)]
        _count_unreadable(judgement)
        alive = np.ones(rows, dtype=np.bool_)
        for expectation, mask in zip(self._checks.expectations, self._checks.failures(record), strict=True):
            if mask is not None:
                self._note(judgement, expectation, mask, alive)
        at = np.asarray(timestamps_ms, dtype=np.int64)
        self._check_ahead(judgement, self._fields.event_time, known, at, alive)
        for name in self._fields.other_times:
            self._check_ahead(judgement, name, _known_times(record, name), at, alive)
        judgement.passing = np.flatnonzero(alive)
        self._hide(judgement)
        return judgement

    def kept(self, judgement: Judgement) -> pa.RecordBatch:
        """The columns that rules by window look at, all rows; times as they are."""
        return judgement.record.select(self._kept)

    def _hide(self, judgement: Judgement) -> None:
        """The privacy rules, after the checks: from here on nothing sees the personal values."""
        if not self._rules.privacy:
            return
        judgement.record, hidden = self._rules.privacy.apply(judgement.record)
        judgement.changed = judgement.changed | hidden

    def _note(self, judgement: Judgement, expectation: Expectation, mask: npt.NDArray[np.bool_], alive: Any) -> None:
        rows = np.flatnonzero(mask)
        positions = judgement.index[rows]
        judgement.failed.append(
            Failed(expectation.name, expectation.subject, expectation.severity, positions, expectation.arguments)
        )
        if expectation.severity != "critical":
            return
        alive[rows] = False
        failing = plain_rows(judgement.record.select(expectation.columns).take(pa.array(rows)))
        for position, row in zip(positions.tolist(), failing, strict=True):
            reason = Reason(expectation.name, expectation.subject, self._explained(expectation, row))
            judgement.dead.setdefault(position, []).append(reason)

    def _explained(self, expectation: Expectation, row: dict[str, Any]) -> str:
        """Why a row fails; a personal value is not told."""
        if self._rules.private.intersection(expectation.columns):
            return f"{expectation.subject} (personal, not shown) does not meet {expectation.name}"
        return expectation.explain_row(row)

    def _check_ahead(
        self, judgement: Judgement, name: str, times: Positions, timestamps_ms: Positions, alive: npt.NDArray[np.bool_]
    ) -> None:
        known = timestamps_ms[judgement.index]
        latest = known + self._max_ahead_ms
        rows = np.flatnonzero((times > latest) & (known > 0))  # -1: the record carries no time
        if not len(rows):
            return
        alive[rows] = False
        positions = judgement.index[rows]
        judgement.failed.append(Failed(EVENT_TIME_AHEAD, name, "critical", positions))
        for position, time_ms, limit_ms in zip(
            positions.tolist(), times[rows].tolist(), latest[rows].tolist(), strict=True
        ):
            text = f"{name} is {iso(time_ms)}, after {iso(limit_ms)}, the latest that is believed"
            reason = Reason(EVENT_TIME_AHEAD, name, text)
            judgement.dead.setdefault(position, []).append(reason)


def _known_times(record: pa.RecordBatch, name: str) -> Positions:
    """A column of times in ms; 0 where there is none."""
    times = integer_times(record.column(name))
    known: Positions = pc.fill_null(times, 0).to_numpy() if times.null_count else times.to_numpy()
    return known


def integer_times(column: pa.Array) -> pa.Array:
    """Times as milliseconds: a time outside the years 1 to 9999 has no Python datetime, and here it may well
    occur. Other columns as they are.
    """
    return column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column


def plain_rows(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as dicts, times as int64 milliseconds."""
    names = rows.schema.names
    return pa.RecordBatch.from_arrays([integer_times(column) for column in rows.columns], names=names).to_pylist()  # type: ignore[no-any-return]


def _count_unreadable(judgement: Judgement) -> None:
    by_class: dict[str, list[int]] = {}
    for position, reasons in judgement.dead.items():
        by_class.setdefault(reasons[0].name, []).append(position)
    for name, positions in by_class.items():
        judgement.failed.append(Failed(name, "", "critical", np.asarray(positions, dtype=np.int64)))
