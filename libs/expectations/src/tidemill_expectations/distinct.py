"""The column form of rules about texts: each distinct text is asked about once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tidemill_expectations.base import ColumnExpectation

if TYPE_CHECKING:
    import polars as pl


def failing_texts(rule: ColumnExpectation, dtype: pl.DataType, breaks: Callable[[str], bool]) -> pl.Expr:
    """Where a text breaks the rule: Boolean, without nulls. Raises ExpectationError for a column of another type."""
    import polars as pl

    if dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise rule.unsuited(dtype)

    def mask(column: pl.Series) -> pl.Series:
        failing = [text for text in column.unique().to_list() if text is not None and breaks(text)]
        return column.is_in(failing).fill_null(False)

    return pl.col(rule.column).cast(pl.String).map_batches(mask, return_dtype=pl.Boolean)
