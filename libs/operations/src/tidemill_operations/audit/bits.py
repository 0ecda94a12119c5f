"""A set of positions (partition, offset) at one bit each: ten million are 1.2 MB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]

_CHUNK_BITS = 17
CHUNK = 1 << _CHUNK_BITS
"""Offsets in one chunk: 16 KiB; a partition takes whole chunks, and none where it has no offset."""


class OffsetBits:
    """Offsets by partition, in chunks of packed bits; grows with the range of offsets, not with their order."""

    def __init__(self) -> None:
        self._chunks: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    def add(self, partition: int, offsets: Offsets) -> Offsets:
        """Adds offsets (int64 [n], any order); gives those that were in already, within `offsets` or before,
        one entry for every time too many.
        """
        unique, counts = np.unique(offsets, return_counts=True)
        again = [np.repeat(unique, counts - 1)] if len(unique) < len(offsets) else []
        chunk_of = unique >> _CHUNK_BITS
        edges = np.flatnonzero(np.diff(chunk_of)) + 1
        for mine in np.split(unique, edges) if len(unique) else []:
            again.append(self._add(partition, int(mine[0]) >> _CHUNK_BITS, mine))
        return np.concatenate(again) if again else np.array([], dtype=np.int64)

    def _add(self, partition: int, number: int, mine: Offsets) -> Offsets:
        bits = self._chunks.get((partition, number))
        if bits is None:
            bits = self._chunks[partition, number] = np.zeros(CHUNK // 8, dtype=np.uint8)
        places = mine & (CHUNK - 1)
        low, high = int(places[0]) >> 3, (int(places[-1]) >> 3) + 1
        window = np.unpackbits(bits[low:high], bitorder="little")
        there = window[places - (low << 3)].astype(bool)
        window[places - (low << 3)] = 1
        bits[low:high] = np.packbits(window, bitorder="little")
        again: Offsets = mine[there]
        return again

    def merge(self, other: OffsetBits) -> None:
        """Adds all that `other` holds."""
        for key, bits in other._chunks.items():
            mine = self._chunks.get(key)
            self._chunks[key] = bits.copy() if mine is None else mine | bits

    def __len__(self) -> int:
        return sum(int(np.bitwise_count(bits).sum(dtype=np.int64)) for bits in self._chunks.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OffsetBits):
            return NotImplemented
        return not self.count_without(other) and not other.count_without(self)

    __hash__ = None  # type: ignore[assignment]

    def count_without(self, other: OffsetBits) -> int:
        """How many are in here and not in `other`."""
        return sum(int(np.bitwise_count(bits).sum(dtype=np.int64)) for _, _, bits in self._without(other))

    def first_without(self, other: OffsetBits, most: int) -> list[tuple[int, int]]:
        """The first `most` positions, by partition and offset, that are in here and not in `other`."""
        found: list[tuple[int, int]] = []
        for partition, number, bits in self._without(other):
            places = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
            base = number << _CHUNK_BITS
            found += [(partition, base + int(place)) for place in places[: most - len(found)]]
            if len(found) >= most:
                break
        return found

    def _without(self, other: OffsetBits) -> Iterator[tuple[int, int, npt.NDArray[np.uint8]]]:
        for (partition, number), bits in sorted(self._chunks.items(), key=lambda item: item[0]):
            theirs = other._chunks.get((partition, number))
            left = bits if theirs is None else bits & ~theirs
            if left.any():
                yield partition, number, left

    @property
    def nbytes(self) -> int:
        """Memory of the bits."""
        return sum(bits.nbytes for bits in self._chunks.values())
