"""How far back clean must be read to know every event id of the window again. Pure: reading is handed in.

Kafka finds offsets by its own time, not by event time, so the reading goes backwards in chunks of growing
size, until a whole chunk lies before the window. Records that are out of order by more than a chunk (20,000
records and up) may be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

FIRST_CHUNK = 20_000
LARGEST_CHUNK = 320_000

Range: TypeAlias = tuple[int, int]
"""First offset and the offset to stop before."""
Chunk: TypeAlias = tuple[Sequence[Any], Sequence[int]]
"""Keys (event ids, or one key for each rule against repeats) and event times (ms), in offset order."""
Read: TypeAlias = Callable[[Mapping[int, Range]], Mapping[int, Chunk]]
"""Reads one range of each of several partitions."""


def read_window(read: Read, bounds: Mapping[int, Range], within_ms: int, limit: int) -> dict[int, list[Chunk]]:
    """The last window of each partition, in chunks, oldest first, by partition.

    `bounds`: the first offset and the end of each partition. `within_ms`: the window, from the newest event
    time of a partition back. `limit`: about how many ids at most are read of a partition.
    """
    chunks: dict[int, list[Chunk]] = {partition: [] for partition in bounds}
    open_ends = {partition: high for partition, (low, high) in bounds.items() if high > low}
    size = FIRST_CHUNK
    while open_ends:
        ranges = {partition: (max(bounds[partition][0], end - size), end) for partition, end in open_ends.items()}
        found = read(ranges)
        for partition, (start, _) in ranges.items():
            chunks[partition].insert(0, found.get(partition, ((), ())))
            if start <= bounds[partition][0] or _complete(chunks[partition], within_ms, limit):
                del open_ends[partition]
            else:
                open_ends[partition] = start
        size = min(size * 2, LARGEST_CHUNK)
    return chunks


def _complete(chunks: list[Chunk], within_ms: int, limit: int) -> bool:
    """Whether the oldest chunk lies before the window as a whole, or the memory is full."""
    times = [max(times) for _, times in chunks if len(times)]
    if sum(len(ids) for ids, _ in chunks) >= limit:
        return True
    return len(chunks[0][1]) > 0 and max(chunks[0][1]) < max(times) - within_ms
