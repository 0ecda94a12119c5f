"""Rules about values that are of a set, or are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_expectations.kernels.columns import Kernel, Mask, bools, floats, if_any, is_text
from tidemill_expectations.kernels.numbers import integer_type
from tidemill_expectations.rules.in_set import InSet, NotInSet, Scalar


def in_set(rule: InSet, kind: pa.DataType) -> Kernel:
    """A value is compared with the members that its column's type holds without loss; it equals no other."""
    if rule.kind == "number" and pa.types.is_floating(kind):
        doubles = [made for made in map(_as_float, rule.value_set) if made is not None]
        return _among_floats(np.array(doubles, np.float64), unwanted=isinstance(rule, NotInSet))
    members = _members(rule, kind)
    return _unwanted(members) if isinstance(rule, NotInSet) else _wanted(members)


def _members(rule: InSet, kind: pa.DataType) -> pa.Array:
    if rule.kind == "string" and is_text(kind):
        return pa.array([*map(str, rule.value_set)], kind)
    if rule.kind == "boolean" and pa.types.is_boolean(kind):
        return pa.array([*rule.value_set], kind)
    if rule.kind == "number" and pa.types.is_integer(kind):
        limits = np.iinfo(integer_type(kind))
        whole = (int(m) for m in rule.value_set if m == int(m))
        return pa.array([m for m in whole if limits.min <= m <= limits.max], kind)
    raise rule.unsuited(kind)


def _wanted(members: pa.Array) -> Kernel:
    members = pa.concat_arrays([members, pa.nulls(1, members.type)])

    def outside(column: pa.Array) -> Mask | None:
        inside = pc.is_in(column, value_set=members)
        return None if inside.true_count == len(column) else ~bools(inside)

    return outside


def _unwanted(members: pa.Array) -> Kernel:
    def inside(column: pa.Array) -> Mask | None:
        found = pc.is_in(column, value_set=members)
        return bools(found) if found.true_count else None

    return inside


def _among_floats(members: npt.NDArray[np.float64], *, unwanted: bool) -> Kernel:
    """By numpy: to Arrow's hashes 0.0 and -0.0 are two values."""

    def failing(column: pa.Array) -> Mask | None:
        values = floats(column)
        found = np.isin(values, members)
        return if_any(found if unwanted else ~(found | np.isnan(values)))

    return failing


def _as_float(value: Scalar) -> float | None:
    try:
        return float(value) if float(value) == value else None
    except OverflowError:  # an integer beyond all floats
        return None
