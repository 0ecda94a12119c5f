"""Rules about types: a column of one of them holds nothing else, and one of another type is refused."""

from __future__ import annotations

import pyarrow as pa

from tidemill_expectations.kernels.columns import Kernel, is_text, never
from tidemill_expectations.rules.of_type import OfType


def of_type(rule: OfType, kind: pa.DataType) -> Kernel:
    """Settled before the first record."""
    found = {
        "text": is_text(kind),
        "integer": pa.types.is_integer(kind),
        "float": pa.types.is_floating(kind),
        "boolean": pa.types.is_boolean(kind),
        "time": pa.types.is_timestamp(kind),
    }
    if not any(found[name] for name in rule.kinds):
        raise rule.unsuited(kind)
    return never
