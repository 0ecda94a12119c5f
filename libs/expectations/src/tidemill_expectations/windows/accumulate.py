"""From the rows of a batch to what each window of event time held: for all rules by window at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import and_, or_

import numpy as np
import pyarrow as pa

from tidemill.contracts.quantities import milliseconds
from tidemill_expectations.base import ExpectationError
from tidemill_expectations.kernels.catalog import kernel_of
from tidemill_expectations.kernels.columns import Kernel, Mask, plain
from tidemill_expectations.kernels.missing import absent
from tidemill_expectations.windows.rules import Mostly, Windowed, WindowRule
from tidemill_expectations.windows.summary import ColumnSummary, Summary, is_numeric


class WindowChecks:
    """Rules by window compiled for batches of one schema. Stateless after construction."""

    def __init__(self, rules: Iterable[WindowRule], schema: pa.Schema, event_time: str) -> None:
        """`event_time`: its column, int64 milliseconds or a timestamp. Raises ExpectationError where a column is
        not there or is of a type that its rule is not for."""
        self._rules = [rule for rule in rules if not (isinstance(rule, Windowed) and rule.is_freshness)]
        self._event_time = event_time
        for rule in self._rules:
            _check(rule, schema)
        self._kernels = {rule.key: kernel_of(rule.rule, schema) for rule in self._rules if isinstance(rule, Mostly)}

    @property
    def spans(self) -> list[int]:
        """The lengths of windows, in ms."""
        return sorted({milliseconds(rule.over) for rule in self._rules})

    def summaries(self, rows: pa.RecordBatch) -> Iterator[tuple[int, int, Summary]]:
        """(length in ms, start in ms, summary) of each window that the batch has rows in, ascending. Rows without an
        event time are in none."""
        rows = pa.RecordBatch.from_arrays([plain(column) for column in rows.columns], names=rows.schema.names)
        if rows.column(self._event_time).null_count:
            rows = rows.filter(rows.column(self._event_time).is_valid())
        times = rows.column(self._event_time).view(pa.int64()).to_numpy()
        for span in self.spans:
            rules = [rule for rule in self._rules if milliseconds(rule.over) == span]
            starts = times // span * span
            for start in np.unique(starts).tolist():
                inside = starts == start
                mine = rows if inside.all() else rows.filter(pa.array(inside))
                yield span, start, _summary(mine, self._kernels, rules)


def _summary(rows: pa.RecordBatch, kernels: Mapping[str, Kernel], rules: list[WindowRule]) -> Summary:
    summary = Summary(rows=rows.num_rows)
    columns = [rule for rule in rules if isinstance(rule, Windowed) and rule.column]
    for name in dict.fromkeys(rule.column for rule in columns):
        mine = [rule for rule in columns if rule.column == name]
        column = summary.columns[name] = ColumnSummary()
        column.add(
            rows.column(name),
            sketch=any(rule.needs_sketch for rule in mine),
            distinct=any(rule.needs_distinct for rule in mine),
        )
    if any(isinstance(rule, Windowed) and rule.needs_columns for rule in rules):
        summary.filled = {name for name in rows.schema.names if rows.column(name).null_count < rows.num_rows}
    for rule in rules:
        if isinstance(rule, Mostly):
            summary.mostly[rule.key] = _counts(rule, kernels[rule.key], [rows.column(c) for c in rule.columns])
    return summary


def _counts(rule: Mostly, kernel: Kernel, columns: list[pa.Array]) -> tuple[int, int]:
    """(rows that the rule looks at, rows of them that break it)."""
    ignored = {"all": and_, "any": or_}.get(rule.rule.ignored)
    passed_over = 0 if ignored is None else int(reduce(ignored, map(absent, columns)).sum())
    return len(columns[0]) - passed_over, _true(kernel(*columns))


def _true(mask: Mask | None) -> int:
    return 0 if mask is None else int(mask.sum())


def _check(rule: WindowRule, schema: pa.Schema) -> None:
    for column in rule.columns:
        if column not in schema.names:
            raise ExpectationError(f"{rule.name}: there is no column {column!r}")
    counts = ("unique", "proportion")
    if isinstance(rule, Windowed) and rule.column and not any(word in rule.name for word in counts):
        kind = schema.field(rule.column).type
        if not is_numeric(kind):
            raise ExpectationError(f"{rule.name} is not for column {rule.column!r} of type {kind}")
