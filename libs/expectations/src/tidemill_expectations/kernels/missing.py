"""Rules about missing values, null and NaN alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tidemill_expectations.kernels.columns import Kernel, Mask, bools, floats, if_any
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.null import Null


def not_null(rule: NotNull, kind: pa.DataType) -> Kernel:
    """For columns of every type."""
    if pa.types.is_floating(kind):
        return lambda column: if_any(absent(column))
    return lambda column: absent(column) if column.null_count else None


def null(rule: Null, kind: pa.DataType) -> Kernel:
    """For columns of every type."""
    return lambda column: if_any(~absent(column))


def absent(column: pa.Array) -> Mask:
    """Where a column has no value: bool [rows]."""
    return np.isnan(floats(column)) if pa.types.is_floating(column.type) else bools(column.is_null())
