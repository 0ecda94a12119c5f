"""Expectations over one row, in plain Python: what REST asks before it scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidemill_expectations.base import Expectation


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that one row breaks, and why."""

    expectation: Expectation
    message: str


class RowChecks:
    """Checks rows one by one. Stateless after construction, safe to share between threads."""

    def __init__(self, expectations: Iterable[Expectation]) -> None:
        self._expectations = tuple(expectations)

    def check(self, row: Mapping[str, object]) -> tuple[Failure, ...]:
        """What the row breaks, in the order of the expectations; a column that the row lacks counts as
        null.
        """
        return tuple(
            Failure(expectation, expectation.explain_row(row))
            for expectation in self._expectations
            if expectation.fails_row(row)
        )
