"""What the log says of a file that is written anew: nulls, least and greatest value of each column.

All columns that Delta Lake's own writer has them of, by the table's settings, must have them: where the log says
nothing of one, deltalake tells pyarrow that nothing in the file can match, and who filters by that column loses the
file's rows without a word.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 32
"""Characters of a text that are told; a longer greatest one is told as what comes after all that begin so."""
LAST_CHARACTER = "\U0010ffff"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_US, LAST_US = (
    (at - EPOCH) // timedelta(microseconds=1)
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
)
"""Times beyond stand in no calendar; in the log they are told as these."""


def statistics(rows: pa.Table) -> Mapping[str, Any]:
    """As the log has them."""
    told = [field.name for field in rows.schema if _is_told(field.type)]
    ranges = {name: found for name in told if (found := _range(rows.column(name))) is not None}
    return {
        "numRecords": rows.num_rows,
        "minValues": {name: least for name, (least, _) in ranges.items()},
        "maxValues": {name: greatest for name, (_, greatest) in ranges.items()},
        "nullCount": {name: rows.column(name).null_count for name in told},
    }


def _is_told(kind: pa.DataType) -> bool:
    """Bytes and what is nested have no range."""
    looks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer,
             pa.types.is_floating, pa.types.is_timestamp, pa.types.is_date, pa.types.is_decimal)  # fmt: skip
    return any(look(kind) for look in looks)


def _range(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """The bounds of a column in the words of the log; None where all is null."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        found = pc.min_max(column).as_py()
        return None if found["min"] is None else (_time(found["min"]), _time(found["max"]))
    found = pc.min_max(column).as_py()
    if found["min"] is None:
        return None
    return _plain(found["min"]), _plain(_above(found["max"]))


def _above(value: Any) -> Any:
    return value[:LONGEST] + LAST_CHARACTER if isinstance(value, str) and len(value) > LONGEST else value


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[: LONGEST + 1] if value.endswith(LAST_CHARACTER) else value[:LONGEST]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):  # JSON has no infinity
        return min(max(value, -sys.float_info.max), sys.float_info.max) if not math.isnan(value) else None
    return value.isoformat() if isinstance(value, date) else value


def _time(us: int) -> str:
    at = EPOCH + timedelta(microseconds=min(max(us, FIRST_US), LAST_US))
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S.%f}Z"
