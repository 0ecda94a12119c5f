"""Rules about numbers and times: between bounds, and finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_expectations.kernels.columns import Kernel, Mask, bools, floats, if_any, is_milliseconds, never
from tidemill_expectations.rules.between import Between
from tidemill_expectations.rules.finite import FLOAT32_MAX, Finite


def between(rule: Between, kind: pa.DataType) -> Kernel:
    """Whole numbers and times are compared exactly, as whole numbers."""
    if is_milliseconds(kind):
        outside = outside_integers(*rule.integer_bounds, np.int64)
        return lambda column: outside(column.view(pa.int64()))
    if pa.types.is_integer(kind) and not rule.times:
        return outside_integers(*rule.integer_bounds, integer_type(kind))
    if pa.types.is_floating(kind) and not rule.times:
        return _outside_floats(rule)
    raise rule.unsuited(kind)


def integer_type(kind: pa.DataType) -> type[np.integer[Any]]:
    """numpy's type for one of Arrow's whole numbers. (Arrow's own answer imports pandas, which no worker has.)"""
    found: type[np.integer[Any]] = np.dtype(str(kind)).type
    return found


def outside_integers(lowest: int, highest: int, dtype: type[np.integer[Any]]) -> Kernel:
    """What is below `lowest` or above `highest`, for columns of whole numbers that numpy holds as `dtype`."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if lowest > most or highest < least:
        return lambda column: if_any(bools(column.is_valid()))

    def outside(column: pa.Array) -> Mask | None:
        values = (pc.fill_null(column, 0) if column.null_count else column).to_numpy()
        sides = [values < lowest] if lowest > least else []
        if highest < most:
            sides.append(values > highest)
        found = _either(sides)
        return found if found is None or not column.null_count else if_any(found & bools(column.is_valid()))

    return outside


def _outside_floats(rule: Between) -> Kernel:
    low, high = (None if bound is None else float(bound) for bound in (rule.min_value, rule.max_value))
    below, above = np.less_equal if rule.strict_min else np.less, np.greater_equal if rule.strict_max else np.greater

    def outside(column: pa.Array) -> Mask | None:
        values = floats(column)
        return _either([side(values, b) for side, b in ((below, low), (above, high)) if b is not None])

    return outside


def _either(sides: list[Mask]) -> Mask | None:
    if not sides:
        return None
    return if_any(sides[0] if len(sides) == 1 else sides[0] | sides[1])


def finite(rule: Finite, kind: pa.DataType) -> Kernel:
    """Whole numbers and booleans are finite."""
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return never
    if not pa.types.is_floating(kind):
        raise rule.unsuited(kind)
    return lambda column: if_any(np.abs(floats(column)) > FLOAT32_MAX)
