"""Expectations over one row, in plain Python: what REST asks before it scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidemill_expectations.base import ColumnExpectation, Expectation


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that one row breaks, and why."""

    expectation: Expectation
    message: str


class RowChecks:
    """Checks rows one by one. Stateless after construction, safe to share between threads."""

    def __init__(self, expectations: Iterable[Expectation]) -> None:
        self._expectations = tuple(expectations)
        self._columns = [(r.column, r.test()) for r in self._expectations if isinstance(r, ColumnExpectation)]
        self._others = [r.fails_row for r in self._expectations if not isinstance(r, ColumnExpectation)]

    def check(self, row: Mapping[str, object]) -> tuple[Failure, ...]:
        """What the row breaks, in the order of the expectations; a column that the row lacks counts as null."""
        if not self._breaks_any(row):
            return ()
        return tuple(
            Failure(expectation, expectation.explain_row(row))
            for expectation in self._expectations
            if expectation.fails_row(row)
        )

    def _breaks_any(self, row: Mapping[str, object]) -> bool:
        """The common case is that it breaks nothing: the rules about one column are asked without a way round."""
        get = row.get
        for column, fails in self._columns:
            if fails(get(column)):
                return True
        return any(fails_row(row) for fails_row in self._others)
