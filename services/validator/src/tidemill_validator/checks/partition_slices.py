"""Some of a batch's records: by partition, and those that are left when a few are taken out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tidemill.kafka.batch import Batch

Column: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = slice | Column
"""Places in a column, ascending: a slice where they follow one another, as they mostly do."""
T = TypeVar("T")

FEW = 16
"""One in so many left out: then whole slices between them are cheaper than single items."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Where a batch's records come from, in columns: int64 [records]."""

    partitions: Column
    offsets: Column
    timestamps_ms: Column

    @classmethod
    def of(cls, batch: Batch) -> Coordinates:
        return cls(integers(batch.partitions), integers(batch.offsets), integers(batch.timestamps_ms))


class Picked:
    """The items at `places` (int64, ascending) of columns that have `size` items."""

    def __init__(self, places: Column, size: int) -> None:
        self.places = places
        self._size = size
        self._gone: list[int] | None = None
        if size - len(places) <= size // FEW:
            there = np.zeros(size, dtype=np.bool_)
            there[places] = True
            self._gone = np.flatnonzero(~there).tolist()

    def __len__(self) -> int:
        return len(self.places)

    def of(self, column: list[T]) -> list[T]:
        """Those items: perhaps the given list itself, not to be changed."""
        if self._gone is None:
            return [column[k] for k in self.places.tolist()]
        if not self._gone:
            return column
        kept: list[T] = []
        start = 0
        for place in self._gone:
            kept += column[start:place]
            start = place + 1
        return kept + column[start:]


def by_partition(partitions: Column) -> list[tuple[int, Places]]:
    """(partition, the places where it stands) for each partition, ascending."""
    if not len(partitions):
        return []
    edges = np.flatnonzero(np.diff(partitions)) + 1
    starts = [0, *edges.tolist()]
    ends = [*starts[1:], len(partitions)]
    numbers = partitions[starts].tolist()
    if len(set(numbers)) == len(numbers):
        return sorted((number, slice(a, b)) for number, a, b in zip(numbers, starts, ends, strict=True))
    order = np.argsort(partitions, kind="stable")
    return [(number, order[places]) for number, places in by_partition(partitions[order])]


def items(column: list[T], places: Places) -> list[T]:
    """The items at those places."""
    return column[places] if isinstance(places, slice) else [column[k] for k in places.tolist()]


def place(places: Places, k: int) -> int:
    """The k'th of the places."""
    return int(places.start) + k if isinstance(places, slice) else int(places[k])


def integers(column: Sequence[Any] | Column) -> Column:
    """Numbers as int64."""
    return np.asarray(column, dtype=np.int64)
