"""Rules about several columns of one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import combinations
from operator import and_, or_

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_expectations.base import Expectation, ExpectationError
from tidemill_expectations.kernels.columns import Kernel, Mask, bools, if_any, is_milliseconds, is_text
from tidemill_expectations.rules.pairs import Pair, PairEqual, PairGreater
from tidemill_expectations.rules.within_record import UniqueWithinRecord

Reader = Callable[[pa.Array], pa.Array]


def pair_equal(rule: PairEqual, *kinds: pa.DataType) -> Kernel:
    return _pair(rule, pc.equal, kinds)


def pair_greater(rule: PairGreater, *kinds: pa.DataType) -> Kernel:
    """Texts by their bytes in UTF-8, which is by code points."""
    return _pair(rule, pc.greater_equal if rule.or_equal else pc.greater, kinds)


def _pair(rule: Pair, compare: Callable[[pa.Array, pa.Array], pa.Array], kinds: Sequence[pa.DataType]) -> Kernel:
    read = _reader(rule, kinds, " and ")

    def failing(*columns: pa.Array) -> Mask | None:
        a, b = map(read, columns)
        holds = compare(a, b)
        if holds.true_count == len(holds):
            return None
        broken = bools(pc.fill_null(pc.invert(holds), False))
        if rule.ignored != "any" and holds.null_count:
            a_missing, b_missing = bools(a.is_null()), bools(b.is_null())
            broken = broken | (a_missing | b_missing if rule.ignored == "none" else a_missing ^ b_missing)
        return if_any(broken)

    return failing


def unique_within_record(rule: UniqueWithinRecord, *kinds: pa.DataType) -> Kernel:
    """Two missing values are the same."""
    read = _reader(rule, kinds, ", ")
    ignored = {"all": and_, "any": or_}.get(rule.ignored)

    def failing(*columns: pa.Array) -> Mask | None:
        values = [read(column) for column in columns]
        missing = [bools(column.is_null()) for column in values]
        same = np.zeros(len(values[0]), np.bool_)
        for (a, a_missing), (b, b_missing) in combinations(zip(values, missing, strict=True), 2):
            same |= bools(pc.fill_null(pc.equal(a, b), False)) | (a_missing & b_missing)
        return if_any(same if ignored is None else same & ~reduce(ignored, missing))

    return failing


def _reader(rule: Expectation, kinds: Sequence[pa.DataType], between: str) -> Reader:
    """Brings each of the columns to one type in which they compare; NaN becomes null. A whole number meets a float as
    a float. Raises ExpectationError where there is no such type.
    """
    if all(map(is_milliseconds, kinds)):
        return lambda column: column.view(pa.int64())
    if all(map(pa.types.is_integer, kinds)):
        return lambda column: column.cast(pa.int64())
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return _doubles
    if all(map(is_text, kinds)):
        kind = kinds[0] if len(set(kinds)) == 1 else pa.large_string()
        return lambda column: column.cast(kind)
    if all(map(pa.types.is_boolean, kinds)):
        return lambda column: column
    types = between.join(map(str, kinds))
    raise ExpectationError(f"{rule.name} cannot compare {rule.subject} of types {types}")


def _doubles(column: pa.Array) -> pa.Array:
    values = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
