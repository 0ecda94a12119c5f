"""What two values of one row must have in common to be compared, the same in columns and in a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidemill_expectations.base import is_number
from tidemill_expectations.times import to_millis


def comparable(a: object, b: object) -> tuple[Any, Any] | None:
    """Both values as Python compares them exactly as columns do; None where they are of different kinds.

    An integer meets a float as a float: that is what a column does.
    """
    a, b = (to_millis(v) if isinstance(v, datetime) else v for v in (a, b))
    if is_number(a) and is_number(b):
        return (_float(a), _float(b)) if isinstance(a, float) or isinstance(b, float) else (a, b)
    for kind in (bool, str):
        if isinstance(a, kind) and isinstance(b, kind):
            return a, b
    return None


def _float(number: Any) -> Any:
    try:
        return float(number)
    except OverflowError:  # beyond all floats, whole numbers are compared as they are
        return number
