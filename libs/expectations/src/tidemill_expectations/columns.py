"""Expectations over columns: kernels where there are some, all others in one pass of polars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tidemill_expectations.base import Expectation, ExpectationError
from tidemill_expectations.kernels.arrow import kernel_of


class ColumnChecks:
    """Expectations compiled for frames of one schema, by polars alone. Stateless after construction, safe to share
    between threads.
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


class BatchChecks:
    """Expectations compiled for record batches of one schema. Stateless after construction, safe to share between
    threads.
    """

    def __init__(self, expectations: Iterable[Expectation], schema: pa.Schema) -> None:
        """Raises ExpectationError as `ColumnChecks` does."""
        self.expectations = tuple(expectations)
        wanted = list(dict.fromkeys(c for rule in self.expectations for c in rule.columns if c in schema.names))
        types = _frame(schema.empty_table(), wanted).schema
        ColumnChecks(self.expectations, types)
        self._kernels = [kernel_of(rule, schema) for rule in self.expectations]
        others = [rule for rule, kernel in zip(self.expectations, self._kernels, strict=True) if kernel is None]
        self._others = ColumnChecks(others, types)
        self._columns = list(dict.fromkeys(c for rule in others for c in rule.columns))

    def failures(self, rows: pa.RecordBatch) -> list[npt.NDArray[np.bool_] | None]:
        """For each expectation in their order: bool [rows], true where a row breaks it; None where none does."""
        others = iter(self._others_failures(rows))
        return [next(others) if kernel is None else kernel[1](rows.column(kernel[0])) for kernel in self._kernels]

    def _others_failures(self, rows: pa.RecordBatch) -> list[npt.NDArray[np.bool_] | None]:
        if not self._columns:
            return []
        masks = [mask.to_numpy() for mask in self._others.failures(_frame(rows, self._columns))]
        return [mask if mask.any() else None for mask in masks]


def _compile(expectation: Expectation, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    for column in expectation.columns:
        if column not in schema:
            raise ExpectationError(f"{expectation.name}: there is no column {column!r}")
    return expectation.failures_in(schema)


def _frame(rows: pa.RecordBatch | pa.Table, columns: list[str]) -> pl.DataFrame:
    frame = pl.from_arrow(rows.select(columns))
    assert isinstance(frame, pl.DataFrame)
    return frame
