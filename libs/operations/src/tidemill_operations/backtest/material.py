"""Events and labels, however they were come by, as the labelled rows that a backtest plays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.field_rules import FieldRules
from tidemill_expectations import event_suite
from tidemill_expectations.columns import ColumnChecks
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, join_labels
from tidemill_operations.push.files.reading import RowError

MS = pa.timestamp("ms", tz="UTC")
SHOWN = 5
KEY = bytes(32)
"""Hashes of personal values are the same for the same value, and leave this process in no form."""


@dataclass(frozen=True, slots=True)
class Material:
    """`labelled`: as `join_labels` gives them. `events`: that were read; `set_aside`: of them and of the labels, with
    the first few reasons in `wrong`; `unlabelled`: events that have no label and so tell nothing.
    """

    labelled: pa.Table
    events: int
    set_aside: int
    unlabelled: int
    wrong: tuple[RowError, ...] = ()


@dataclass(slots=True)
class Gathering:
    """Takes in rows of events and labels part by part."""

    spec: ModelSpec
    required: frozenset[str]
    checked: bool = False
    """Whether they met the model's expectations before."""
    _events: list[pa.RecordBatch] = field(default_factory=list)
    _labels: list[pl.DataFrame] = field(default_factory=list)
    _read: int = 0
    _wrong: list[RowError] = field(default_factory=list)
    _aside: int = 0

    def events(self, rows: pa.RecordBatch, lines: Sequence[int]) -> pl.DataFrame:
        """Records as they came; gives `line` and `event_id` of those that the stream would let through."""
        self._read += rows.num_rows
        if not self.checked:
            rows, _ = FieldRules.normalising(self.spec.normalise).apply(rows)
            good = self._good(rows, lines)
            rows, lines = rows.filter(pa.array(good)), np.asarray(lines)[good].tolist()
            rows, _ = FieldRules.hiding(self.spec.privacy, self.required, KEY).apply(rows)
        names = dict.fromkeys([self.spec.event_id, self.spec.event_time, *(f.name for f in self.spec.features)])
        label = self.spec.target.label
        own = [label] if label in rows.schema.names else []
        self._events.append(rows.select([*dict.fromkeys([*names, *own])]))
        ids = rows.column(self.spec.event_id).cast(pa.string()).to_pylist()
        return pl.DataFrame({"line": list(lines), "event_id": ids}, schema={"line": pl.Int64, "event_id": pl.String})

    def labels(self, found: pl.DataFrame) -> None:
        """`event_id`, `label`, `observed_at` (null: as late as the model file says); a null label is none."""
        self._labels.append(found.select("event_id", "label", "observed_at").filter(pl.col("label").is_not_null()))

    def wrong(self, errors: Iterable[RowError]) -> None:
        """Rows that are no records, each counted once."""
        told = list(errors)
        self._wrong += told[: max(0, SHOWN - len(self._wrong))]
        self._aside += len({error.line for error in told})

    def done(self) -> Material:
        """All of it. Raises ValueError where there is no event, or none with a label."""
        if not self._events or not sum(batch.num_rows for batch in self._events):
            raise ValueError(f"none of the {self._read:,} rows is an event of {self.spec.name}{self._first_wrong()}")
        events = _platform_columns(pa.Table.from_batches(self._events), self.spec)
        labels = _labels(self._labels, events, self.spec.target.delay)
        labelled = join_labels(events, labels)
        if not labelled.num_rows:
            raise ValueError(
                f"none of the {events.num_rows:,} events has a label: the column {self.spec.target.label!r} is it, "
                "or a file of labels whose event ids are those of the events"
            )
        ids = len(set(events.column(EVENT_ID).to_pylist()))
        return Material(labelled, self._read, self._aside, ids - labelled.num_rows, tuple(self._wrong))

    def _good(self, rows: pa.RecordBatch, lines: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        critical = [rule for rule in event_suite(self.spec).expectations if rule.severity == "critical"]
        checks = ColumnChecks(critical, rows.schema)
        good = np.ones(rows.num_rows, dtype=np.bool_)
        errors: list[RowError] = []
        for rule, mask in zip(checks.expectations, checks.failures(rows), strict=True):
            if mask is not None:
                good &= ~np.asarray(mask)
                column = rule.columns[0] if rule.columns else None
                errors += [RowError(lines[row], column, rule.name) for row in np.flatnonzero(mask).tolist()]
        self.wrong(errors)
        return good

    def _first_wrong(self) -> str:
        return "".join(f"; row {one.line}: {one.field or ''} {one.reason}" for one in self._wrong[:1])


def _platform_columns(rows: pa.Table, spec: ModelSpec) -> pa.Table:
    """The platform's own columns beside the features; a label in the record is one that comes as late as others."""
    own = {
        EVENT_ID: rows.column(spec.event_id).cast(pa.string()),
        EVENT_TIME: rows.column(spec.event_time).cast(MS, safe=False),
    }
    label = spec.target.label
    if label in rows.column_names:
        own[LABEL] = rows.column(label)
    return _with(rows, [f.name for f in spec.features], own)


def _with(rows: pa.Table, features: Sequence[str], own: dict[str, pa.ChunkedArray]) -> pa.Table:
    found = rows.select(list(dict.fromkeys(features)))
    for name, column in own.items():
        found = found.append_column(name, column)
    return found


def _labels(found: Sequence[pl.DataFrame], events: pa.Table, delay: timedelta) -> pa.Table:
    """Labels as `join_labels` takes them: when each became known is said, or follows from its event's time."""
    times = pl.DataFrame(pl.from_arrow(events.select([EVENT_ID, EVENT_TIME])))
    times = times.rename({EVENT_ID: "event_id", EVENT_TIME: "at"}).unique("event_id", keep="first")
    own = [_own_labels(events)] if LABEL in events.column_names else []
    labels = pl.concat([*found, *own], how="vertical_relaxed")
    labels = labels.join(times, on="event_id", how="inner", maintain_order="left").with_columns(
        pl.coalesce(pl.col("observed_at").cast(pl.Datetime("ms", "UTC")), pl.col("at") + delay).alias("observed_at")
    )
    names = {"event_id": EVENT_ID, "label": LABEL, "observed_at": OBSERVED_AT}
    table = labels.select(list(names)).rename(names).to_arrow(compat_level=pl.CompatLevel.oldest())
    kind = table.schema.field(LABEL).type
    label = pa.string() if pa.types.is_large_string(kind) else kind
    return table.cast(pa.schema({EVENT_ID: pa.string(), LABEL: label, OBSERVED_AT: MS}))


def _own_labels(events: pa.Table) -> pl.DataFrame:
    own = pl.DataFrame(pl.from_arrow(events.select([EVENT_ID, LABEL]))).rename({EVENT_ID: "event_id", LABEL: "label"})
    never = pl.lit(None).cast(pl.Datetime("ms", "UTC")).alias("observed_at")
    return own.filter(pl.col("label").is_not_null()).with_columns(never)
