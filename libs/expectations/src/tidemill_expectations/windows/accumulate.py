"""From the rows of a batch to what each window of event time held: for all rules by window at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from tidemill_expectations.base import ExpectationError
from tidemill_expectations.windows.rules import Mostly, Windowed, WindowRule
from tidemill_expectations.windows.summary import ColumnSummary, Summary

START = "_window_start"


class WindowChecks:
    """Rules by window compiled for frames of one schema. Stateless after construction."""

    def __init__(self, rules: Iterable[WindowRule], schema: Mapping[str, pl.DataType], event_time: str) -> None:
        """`event_time`: its column, int64 milliseconds or a timestamp. Raises ExpectationError where a column is
        not there or is of a type that its rule is not for."""
        self._rules = [rule for rule in rules if not (isinstance(rule, Windowed) and rule.is_freshness)]
        self._event_time = event_time
        for rule in self._rules:
            _check(rule, schema)
        self._masks = {
            rule.key: rule.rule.failures_in(schema).alias(rule.key) for rule in self._rules if isinstance(rule, Mostly)
        }

    @property
    def spans(self) -> list[int]:
        """The lengths of windows, in ms."""
        return sorted({_millis(rule) for rule in self._rules})

    def summaries(self, frame: pl.DataFrame) -> Iterator[tuple[int, int, Summary]]:
        """(length in ms, start in ms, summary) of each window that the frame has rows in, ascending."""
        if not self._rules or not len(frame):
            return
        masks = frame.select(self._masks.values()) if self._masks else None
        times = frame.get_column(self._event_time).cast(pl.Int64)
        for span in self.spans:
            rules = [rule for rule in self._rules if _millis(rule) == span]
            starts = times // span * span
            for start in starts.unique().sort().to_list():
                inside = starts == start
                rows = frame.filter(inside)
                yield span, start, _summary(rows, None if masks is None else masks.filter(inside), rules)


def _summary(rows: pl.DataFrame, masks: pl.DataFrame | None, rules: list[WindowRule]) -> Summary:
    summary = Summary(rows=len(rows))
    columns = [rule for rule in rules if isinstance(rule, Windowed) and rule.column]
    for name in dict.fromkeys(rule.column for rule in columns):
        mine = [rule for rule in columns if rule.column == name]
        column = summary.columns[name] = ColumnSummary()
        column.add(
            rows.get_column(name),
            sketch=any(rule.needs_sketch for rule in mine),
            distinct=any(rule.needs_distinct for rule in mine),
        )
    if any(isinstance(rule, Windowed) and rule.needs_columns for rule in rules):
        summary.filled = {name for name in rows.columns if rows.get_column(name).null_count() < len(rows)}
    for rule in rules:
        if isinstance(rule, Mostly) and masks is not None:
            looked_at = len(rows) if rule.looks_at_missing else _there(rows, rule.columns)
            summary.mostly[rule.key] = (looked_at, int(masks.get_column(rule.key).sum()))
    return summary


def _there(rows: pl.DataFrame, columns: tuple[str, ...]) -> int:
    """Rows in which at least one of the columns has a value."""
    there = [
        pl.col(c).is_not_null() & pl.col(c).is_not_nan() if rows.schema[c].is_float() else pl.col(c).is_not_null()
        for c in columns
    ]
    return int(rows.select(pl.any_horizontal(there).sum()).item())


def _check(rule: WindowRule, schema: Mapping[str, pl.DataType]) -> None:
    for column in rule.columns:
        if column not in schema:
            raise ExpectationError(f"{rule.name}: there is no column {column!r}")
    counts = ("unique", "proportion")
    if isinstance(rule, Windowed) and rule.column and not any(word in rule.name for word in counts):
        dtype = schema[rule.column]
        if not dtype.is_numeric():
            raise ExpectationError(f"{rule.name} is not for column {rule.column!r} of type {dtype}")


def _millis(rule: WindowRule) -> int:
    return int(rule.over.total_seconds() * 1000)
