"""What kernels have in common: Arrow columns in plain types, as numpy arrays, and masks of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask: TypeAlias = npt.NDArray[np.bool_]
Kernel: TypeAlias = Callable[..., Mask | None]
"""A rule over columns: one `pa.Array` for each of its columns, in the types that it was made for, to bool [rows], true
where a row breaks it; None where none does."""


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of `plain(column)`."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    return pa.string() if pa.types.is_string_view(kind) else kind


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece, without dictionary or views: the same values."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        return plain(column.dictionary_decode())
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether a plain column of that type holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_milliseconds(kind: pa.DataType) -> bool:
    """Whether a column of that type holds times in milliseconds."""
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ms")


def floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """Numbers as doubles. Null is NaN, with which no comparison is true."""
    return column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)  # type: ignore[no-any-return]


def bools(column: pa.Array) -> Mask:
    """Booleans without nulls."""
    return column.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def if_any(mask: Mask) -> Mask | None:
    """The mask; None where it is true nowhere."""
    return mask if mask.any() else None


def never(*columns: pa.Array) -> Mask | None:
    """The kernel of a rule that no value of a column's type can break."""
    return None
