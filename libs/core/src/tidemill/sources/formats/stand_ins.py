"""What connectors write where a format has no such value or the database sent none: never taken for data."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.sources.formats.decimals import variable_scale
from tidemill.sources.part import Kind

UNAVAILABLE: Final = "__debezium_unavailable_value"
FORMS: Final = (
    UNAVAILABLE, UNAVAILABLE.encode(), base64.b64encode(UNAVAILABLE.encode()).decode(), UNAVAILABLE.encode().hex(),
    [UNAVAILABLE],
)  # fmt: skip
"""As text, bytes, base64, hexadecimal, and as the only member of a list."""
CURE: Final = (
    "the database did not send this value, because it has not changed (PostgreSQL: a TOASTed column): "
    "`ALTER TABLE … REPLICA IDENTITY FULL`, or Debezium's processor that reselects columns"
)
Fits = npt.NDArray[np.bool_]


class Unavailable(ValueError):
    """Debezium stands a placeholder where the database did not send a value that has not changed."""

    def __init__(self) -> None:
        super().__init__(CURE)


def taken(value: Any, kind: Kind, debezium: bool) -> Any:
    """A value of a row as what it stands for: a VariableScaleDecimal is a decimal; with Debezium, which writes MySQL's
    tinyint(1) as a number, 0 and 1 are booleans where one is wanted. Raises Unavailable.
    """
    if value in FORMS:
        raise Unavailable
    if isinstance(value, Mapping):
        found = variable_scale(value)
        return value if found is None else found
    if debezium and kind == "boolean" and type(value) is int and value in (0, 1):
        return value == 1
    return value


def taken_column(given: pa.Array, fitted: pa.Array, fits: Fits, kind: Kind, debezium: bool) -> tuple[pa.Array, Fits]:
    """The same for a column: `fitted` and `fits` are what `fit_column` made of `given`."""
    if pa.types.is_string(fitted.type) or pa.types.is_binary(fitted.type):
        gone = pc.equal(fitted, pa.scalar(UNAVAILABLE.encode(), pa.binary()).cast(fitted.type))
        return fitted, fits & ~np.asarray(gone.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if debezium and kind == "boolean" and pa.types.is_integer(given.type):
        known = pc.is_in(given, pa.array([0, 1, None], given.type))
        values = pc.equal(given, pa.scalar(1, given.type))
        return values, np.asarray(known.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return fitted, fits
