"""Expectations over columns: all of them in one pass of polars. The only module here that needs polars
installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from tidemill_expectations.base import Expectation, ExpectationError


class ColumnChecks:
    """Expectations compiled for frames of one schema. Stateless after construction, safe to share between
    threads.
    """

    def __init__(self, expectations: Iterable[Expectation], schema: Mapping[str, pl.DataType]) -> None:
        """`schema`: the columns of the frames to come, by name. Raises ExpectationError where a column is not
        there or is of a type that its expectation is not for."""
        self.expectations = tuple(expectations)
        self._masks = [_compile(expectation, schema).alias(str(n)) for n, expectation in enumerate(self.expectations)]

    def failures(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One Boolean column an expectation, named by its number and in their order, as long as `frame`,
        without nulls; true where a row breaks it. Without expectations: a frame without columns."""
        return frame.select(self._masks)


def _compile(expectation: Expectation, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    for column in expectation.columns:
        if column not in schema:
            raise ExpectationError(f"{expectation.name}: there is no column {column!r}")
    return expectation.failures_in(schema)
