"""A field's column as the copy has it. Values that stay are the very same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.contracts.model_file.spec import PrivacyRule
from tidemill.json.values import MIN_MILLIS
from tidemill.rows.field_rules import FieldRules
from tidemill_operations.anonymise.choices import Unit
from tidemill_operations.anonymise.fields import Act, Plan
from tidemill_operations.anonymise.pseudonyms import Pseudonyms

DAY_MS = 86_400_000
TICKS_A_MS = {"ms": 1, "us": 1_000}
UNIT_MS = {"hour": 3_600_000, "day": DAY_MS}


def changed(column: pa.Array, plan: Plan, names: Pseudonyms) -> pa.Array:
    """Hashed, masked, dropped or rounded as the plan says; of the same length and type."""
    if plan.act is Act.HASH:
        return names.hashed(column, plan.domain)
    if plan.act is Act.ROUND:
        assert plan.step is not None, "it is rounded to a step"
        return rounded(column, plan.step)
    if plan.act not in (Act.DROP, Act.MASK):
        return column
    rule = PrivacyRule("drop" if plan.act is Act.DROP else "mask", plan.keep_last)
    required = frozenset() if plan.nullable else frozenset({"field"})
    rules = FieldRules.hiding({"field": rule}, required, None)
    return rules.apply(pa.record_batch({"field": column}))[0].column("field")


def rounded(column: pa.Array, step: Fraction) -> pa.Array:
    """Each number to the nearest multiple of `step` (of two the even one), computed exactly; down where the nearest is
    too large for the type. Null, NaN and infinite values stay.
    """
    encoded = column.dictionary_encode()
    largest = 2 ** (column.type.bit_width - 1) - 1 if pa.types.is_integer(column.type) else None
    made = [_multiple(value, step, largest) for value in encoded.dictionary.to_pylist()]
    return pa.array(made, column.type).take(encoded.indices)


def _multiple(value: Any, step: Fraction, largest: int | None) -> Any:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return value
    count = round(Fraction(value) / step)
    if largest is None:
        return _float(count * step, float(value))
    found = int(count * step)
    if found > largest:
        return int((count - 1) * step)
    return found if found >= -largest - 1 else int((count + 1) * step)


def _float(exact: Fraction, value: float) -> float:
    try:
        return float(exact)
    except OverflowError:
        return float(np.copysign(np.finfo(np.float64).max, value))


def moved(column: pa.Array, shifts: npt.NDArray[np.int64] | None, unit: Unit | None) -> pa.Array:
    """Times back by `shifts` (ms), then to the beginning of their hour or day in UTC; null stays null. Dates move by
    whole days.
    """
    if shifts is None and unit is None:
        return column
    valid = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    kind = column.type
    if pa.types.is_date32(kind):
        days = np.asarray(column.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
        made = days if shifts is None else _back(days, shifts // DAY_MS, MIN_MILLIS // DAY_MS)
        return pa.array(made.astype(np.int32), pa.int32(), mask=~valid).cast(kind)
    a_ms = TICKS_A_MS[kind.unit]
    ticks = np.asarray(column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
    if shifts is not None:
        ticks = _back(ticks, shifts * a_ms, MIN_MILLIS * a_ms)
    if unit is not None:
        ticks = ticks // (UNIT_MS[unit] * a_ms) * (UNIT_MS[unit] * a_ms)
    return pa.array(ticks, pa.int64(), mask=~valid).cast(kind)


def _back(ticks: npt.NDArray[np.int64], by: npt.NDArray[np.int64], first: int) -> npt.NDArray[np.int64]:
    """Not to before `first`, where no reader has a date."""
    found: npt.NDArray[np.int64] = np.maximum(ticks - by, np.minimum(ticks, first))
    return found


def without_rare(column: pa.Array, plan: Plan, rare: npt.NDArray[np.bool_]) -> pa.Array:
    """Null, or what stands for it, in these rows."""
    stand_in = pa.scalar(plan.stand_in, column.type)
    return column if not rare.any() else pc.if_else(pa.array(rare), stand_in, column)
