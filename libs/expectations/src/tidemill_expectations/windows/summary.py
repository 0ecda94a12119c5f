"""What a window of event time held, in sums and counts that add up over batches and partitions.

Numbers are summarised by a DDSketch (`tidemill.stats.sketch`), different values by the smallest of their hashes (KMV;
Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002): both give the same result in
whatever order and parts the rows come. Different values are counted exactly up to `KEPT_HASHES` and to about
6 % beyond. Not finite numbers count as missing. Needs numpy and pyarrow.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.stats.sketch import Sketch
from tidemill_expectations.kernels.columns import plain

KEPT_HASHES = 256
HASHES = 2**64


@dataclass(slots=True)
class ColumnSummary:
    """One column of a window. `hashes`: the smallest, or None where different values are not asked for."""

    count: int = 0
    missing: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    sketch: Sketch | None = None
    hashes: set[int] | None = None

    def quantile(self, q: float) -> float:
        """The value at a quantile, to the sketch's accuracy; NaN without values."""
        return self.sketch.quantile(q) if self.sketch else math.nan

    @property
    def distinct(self) -> float:
        """How many different values there were."""
        hashes = self.hashes or set()
        if len(hashes) < KEPT_HASHES:
            return len(hashes)
        return float(round((KEPT_HASHES - 1) * HASHES / max(hashes)))

    def add(self, values: pa.Array, *, sketch: bool, distinct: bool) -> None:
        """Count a part of the column."""
        there = _there(plain(values))
        self.count += len(there)
        self.missing += len(values) - len(there)
        if is_numeric(there.type) and len(there):
            numbers = _doubles(there)
            self.total += float(numbers.sum())
            self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
            if sketch:
                self.sketch = self.sketch or Sketch()
                self.sketch.add(numbers)
        if distinct:
            self._keep(map(hash_of, _different(there)))

    def merge(self, other: ColumnSummary) -> None:
        """Add what another saw."""
        self.count, self.missing = self.count + other.count, self.missing + other.missing
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        if other.sketch:
            self.sketch = self.sketch or Sketch()
            self.sketch.merge(other.sketch)
        if other.hashes is not None:
            self._keep(other.hashes)

    def _keep(self, hashes: Iterable[int]) -> None:
        united = (self.hashes or set()) | set(hashes)
        self.hashes = set(sorted(united)[:KEPT_HASHES]) if len(united) > KEPT_HASHES else united

    def to_datum(self, name: str) -> dict[str, Any]:
        """The record `ColumnSummary` of schemas/quality-report.avsc."""
        return {
            "column": name,
            "count": self.count,
            "missing": self.missing,
            "total": self.total,
            "low": self.low if self.low <= self.high else None,
            "high": self.high if self.low <= self.high else None,
            "sketch": self.sketch.to_datum() if self.sketch else None,
            "hashes": None if self.hashes is None else sorted(h - HASHES // 2 for h in self.hashes),
        }

    @classmethod
    def from_datum(cls, datum: Mapping[str, Any]) -> ColumnSummary:
        """The summary that `to_datum` wrote."""
        return cls(
            count=datum["count"],
            missing=datum["missing"],
            total=datum["total"],
            low=math.inf if datum["low"] is None else datum["low"],
            high=-math.inf if datum["high"] is None else datum["high"],
            sketch=Sketch.from_datum(datum["sketch"]) if datum["sketch"] else None,
            hashes=None if datum["hashes"] is None else {h + HASHES // 2 for h in datum["hashes"]},
        )


@dataclass(slots=True)
class Summary:
    """All rows of a window. `mostly`: rule to (values looked at, values that broke it). `filled`: columns that
    had a value; empty where nobody asks.
    """

    rows: int = 0
    columns: dict[str, ColumnSummary] = field(default_factory=dict)
    mostly: dict[str, tuple[int, int]] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)

    def merge(self, other: Summary) -> None:
        """Add what another saw."""
        self.rows += other.rows
        self.filled |= other.filled
        for name, column in other.columns.items():
            self.columns.setdefault(name, ColumnSummary()).merge(column)
        for key, (checked, failed) in other.mostly.items():
            before = self.mostly.get(key, (0, 0))
            self.mostly[key] = (before[0] + checked, before[1] + failed)

    def to_datum(self, over_ms: int, start_ms: int) -> dict[str, Any]:
        """The record `WindowSummary` of schemas/quality-report.avsc."""
        return {
            "over_ms": over_ms,
            "started_at": start_ms,
            "rows": self.rows,
            "columns": [column.to_datum(name) for name, column in sorted(self.columns.items())],
            "mostly": [
                {"rule": key, "checked": checked, "failed": failed}
                for key, (checked, failed) in sorted(self.mostly.items())
            ],
            "filled": sorted(self.filled),
        }

    @classmethod
    def from_datum(cls, datum: Mapping[str, Any]) -> Summary:
        """The summary that `to_datum` wrote, without its place in time."""
        return cls(
            rows=datum["rows"],
            columns={column["column"]: ColumnSummary.from_datum(column) for column in datum["columns"]},
            mostly={entry["rule"]: (entry["checked"], entry["failed"]) for entry in datum["mostly"]},
            filled=set(datum["filled"]),
        )


def hash_of(value: object) -> int:
    """64 bits of a value, the same wherever and whenever: 1, 1.0 and True are three values."""
    text = f"{type(value).__name__}:{value!r}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def is_numeric(kind: pa.DataType) -> bool:
    """Whether sums and quantiles can be told of a column of that type."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _there(column: pa.Array) -> pa.Array:
    """The values that are there; of numbers, those that are finite."""
    if pa.types.is_floating(column.type):
        return column.filter(pa.array(np.isfinite(column.to_numpy(zero_copy_only=False))))
    return column.drop_null()


def _doubles(column: pa.Array) -> npt.NDArray[np.float64]:
    """The nearest double of each number. Arrow's cast of decimals is not: 9303.05 becomes 9303.050000000001."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())
    return column.cast(pa.float64(), safe=False).to_numpy()  # type: ignore[no-any-return]


def _different(column: pa.Array) -> list[Any]:
    """The values as Python holds them, each at least once; -0.0 is 0.0."""
    if pa.types.is_floating(column.type):
        numbers: list[Any] = np.unique(column.to_numpy() + 0.0).tolist()
        return numbers
    if not pa.types.is_nested(column.type):
        column = pc.unique(column)
    try:
        values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    except (ValueError, OverflowError):  # times that no datetime can be: by the number
        values = [_as_python(value) for value in column]
    return values


def _as_python(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return value.value
