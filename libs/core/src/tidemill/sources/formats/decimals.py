"""Exact decimals as Kafka Connect and Debezium write them: unscaled bytes, and a scale in a schema or beside them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

CONNECT_DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
"""Kafka Connect's logical type: base64 of the unscaled number in JSON, its scale a parameter of the schema."""
MOST_DIGITS: Final = 1_000
"""Databases go to some hundred; more is nobody's number, and costs quadratic time."""


def from_unscaled(value: Any, scale: Any) -> Decimal | None:
    """A big-endian two's complement number, as bytes or base64, over 10^scale; None where it is none. Exact."""
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else value
        if not isinstance(raw, bytes) or not raw or len(raw) > MOST_DIGITS // 2 or isinstance(scale, bool | float):
            return None
        power = int(scale)
    except (binascii.Error, ValueError, TypeError):
        return None
    if abs(power) > MOST_DIGITS:
        return None
    sign, digits, _ = Decimal(int.from_bytes(raw, "big", signed=True)).as_tuple()
    return Decimal((sign, digits, -power))


def variable_scale(value: Mapping[str, Any]) -> Decimal | None:
    """Debezium's VariableScaleDecimal (a number whose column states no scale); None where it is something else."""
    return from_unscaled(value["value"], value["scale"]) if value.keys() == {"scale", "value"} else None


def with_decimals(value: Any, schema: Any) -> Any:
    """A JSON value of Connect's JsonConverter with its decimals read by the schema that stands beside it."""
    if not isinstance(schema, Mapping):
        return value
    if schema.get("name") == CONNECT_DECIMAL and isinstance(value, str):
        scale = (schema.get("parameters") or {}).get("scale")
        found = from_unscaled(value, scale)
        return value if found is None else found
    if isinstance(value, dict) and schema.get("type") == "struct":
        fields = {f.get("field"): f for f in schema.get("fields") or () if isinstance(f, Mapping)}
        return {name: with_decimals(inner, fields.get(name)) for name, inner in value.items()}
    return value
