"""Expectations over Arrow columns: what the validator, and predictions of files, ask of a batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidemill_expectations.base import Expectation
from tidemill_expectations.kernels.catalog import kernel_of
from tidemill_expectations.kernels.columns import plain, plain_type


class ColumnChecks:
    """Expectations compiled for columns of one schema. Stateless after construction, safe to share between threads."""

    def __init__(self, expectations: Iterable[Expectation], schema: pa.Schema) -> None:
        """`schema`: the columns of the batches to come. Raises ExpectationError where a column is not there or is of
        a type that its expectation is not for."""
        self.expectations = tuple(expectations)
        self._kernels = [(kernel_of(rule, schema), rule.columns) for rule in self.expectations]
        self._names = list(dict.fromkeys(name for rule in self.expectations for name in rule.columns))
        self._encoded = any(plain_type(kind) != kind for kind in (schema.field(name).type for name in self._names))

    def failures(self, rows: pa.RecordBatch | pa.Table) -> list[npt.NDArray[np.bool_] | None]:
        """For each expectation in their order: bool [rows], true where a row breaks it; None where none does."""
        columns = {name: rows.column(name) for name in self._names}
        if self._encoded or isinstance(rows, pa.Table):
            columns = {name: plain(column) for name, column in columns.items()}
        return [kernel(*[columns[name] for name in names]) for kernel, names in self._kernels]
