"""The commonest rules over Arrow columns, without polars: a third form, which agrees with the other two.

A call of polars costs some 0.3 ms however few the rows are; these cost microseconds. What has no kernel for its
column's type is asked of polars (`tidemill_expectations.columns`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.patterns.linear import regex
from tidemill_expectations.base import Expectation
from tidemill_expectations.kernels.regex import regex_kernel
from tidemill_expectations.rules.between import INT64_MAX, INT64_MIN, Between
from tidemill_expectations.rules.finite import FLOAT32_MAX, Finite
from tidemill_expectations.rules.in_set import InSet
from tidemill_expectations.rules.lengths import LengthsBetween, LengthsEqual
from tidemill_expectations.rules.not_null import NotNull
from tidemill_expectations.rules.of_type import InTypeList, OfType
from tidemill_expectations.rules.regex import MatchRegex, NotMatchRegex

Mask: TypeAlias = npt.NDArray[np.bool_]
Kernel: TypeAlias = "Callable[[pa.Array], Mask | None]"
"""A column to bool [rows], true where a value breaks the rule; None where none does."""


def kernel_of(rule: Expectation, schema: pa.Schema) -> tuple[str, Kernel] | None:
    """The column that a rule looks at, and its kernel; None where there is none for such a column."""
    make = _MAKERS.get(type(rule))
    if make is None:
        return None
    (column,) = rule.columns
    kernel = make(rule, schema.field(column).type)
    return None if kernel is None else (column, kernel)


def _not_null(rule: NotNull, kind: pa.DataType) -> Kernel:
    if pa.types.is_floating(kind):
        return lambda column: _if_any(np.isnan(_floats(column)))
    return lambda column: _bools(column.is_null()) if column.null_count else None


def _between(rule: Between, kind: pa.DataType) -> Kernel | None:
    if pa.types.is_floating(kind) and not rule.times:
        return _outside_floats(rule)
    if pa.types.is_signed_integer(kind) and not rule.times:
        return _outside_integers(*rule.integer_bounds)
    if pa.types.is_timestamp(kind) and kind.unit == "ms":
        return _outside_integers(*rule.integer_bounds)
    return None


def _outside_floats(rule: Between) -> Kernel:
    low, high = (None if bound is None else float(bound) for bound in (rule.min_value, rule.max_value))
    below, above = np.less_equal if rule.strict_min else np.less, np.greater_equal if rule.strict_max else np.greater

    def outside(column: pa.Array) -> Mask | None:
        values = _floats(column)
        sides = [side(values, b) for side, b in ((below, low), (above, high)) if b is not None]
        return _if_any(sides[0] if len(sides) == 1 else sides[0] | sides[1])

    return outside


def _outside_integers(lowest: int, highest: int) -> Kernel:
    if lowest > INT64_MAX or highest < INT64_MIN:
        return lambda column: _if_any(_bools(column.is_valid()))
    low, high = max(lowest, INT64_MIN), min(highest, INT64_MAX)

    def outside(column: pa.Array) -> Mask | None:
        numbers = column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
        values = (pc.fill_null(numbers, 0) if numbers.null_count else numbers).to_numpy()
        found = _if_any((values < low) | (values > high))
        return found if found is None or not numbers.null_count else _if_any(found & _bools(numbers.is_valid()))

    return outside


def _finite(rule: Finite, kind: pa.DataType) -> Kernel | None:
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return _never
    return (lambda column: _if_any(np.abs(_floats(column)) > FLOAT32_MAX)) if pa.types.is_floating(kind) else None


def _in_set(rule: InSet, kind: pa.DataType) -> Kernel | None:
    if rule.kind != "string" or not pa.types.is_string(kind):
        return None
    members = pa.array([*map(str, rule.value_set), None], pa.string())

    def outside(column: pa.Array) -> Mask | None:
        inside = pc.is_in(column, value_set=members)
        return None if inside.true_count == len(column) else ~_bools(inside)

    return outside


def _lengths(rule: LengthsBetween, kind: pa.DataType) -> Kernel | None:
    if not pa.types.is_string(kind):
        return None
    outside = _outside_integers(rule.min_value or 0, INT64_MAX if rule.max_value is None else rule.max_value)
    return lambda column: outside(pc.utf8_length(column))


def _regex(rule: MatchRegex, kind: pa.DataType) -> Kernel | None:
    return regex_kernel(rule, regex(rule.regex)) if pa.types.is_string(kind) else None


def _of_type(rule: OfType, kind: pa.DataType) -> Kernel:
    return _never  # a column of another type was refused when the checks were compiled


def _never(column: pa.Array) -> Mask | None:
    return None


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """Null is NaN, with which no comparison is true."""
    return column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)  # type: ignore[no-any-return]


def _bools(column: pa.Array) -> Mask:
    return column.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _if_any(mask: Mask) -> Mask | None:
    return mask if mask.any() else None


_MAKERS: dict[type[Expectation], Callable[[Any, pa.DataType], Kernel | None]] = {
    NotNull: _not_null,
    Between: _between,
    Finite: _finite,
    InSet: _in_set,
    LengthsBetween: _lengths,
    LengthsEqual: _lengths,
    MatchRegex: _regex,
    NotMatchRegex: _regex,
    OfType: _of_type,
    InTypeList: _of_type,
}
