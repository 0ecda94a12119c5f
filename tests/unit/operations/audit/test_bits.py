"""One bit an offset: what a set of pairs would say, in an eighth of a byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidemill_operations.audit.bits import CHUNK, OffsetBits

OFFSETS = st.lists(st.sampled_from([0, 1, 7, 8, CHUNK - 1, CHUNK, CHUNK + 9, 5 * CHUNK, 5_000_000_000]), max_size=30)


def of(*offsets: int) -> np.ndarray:
    return np.array(offsets, dtype=np.int64)


def test_an_offset_that_comes_again_is_told_each_time() -> None:
    bits = OffsetBits()
    assert bits.add(0, of(3, 1, 3)).tolist() == [3]
    assert sorted(bits.add(0, of(1, 2, 3)).tolist()) == [1, 3]
    assert bits.add(1, of(1)).tolist() == []
    assert len(bits) == 4


@given(OFFSETS, OFFSETS)
def test_differences_are_those_of_sets(here: list[int], there: list[int]) -> None:
    mine, theirs = OffsetBits(), OffsetBits()
    again = mine.add(2, of(*here))
    theirs.add(2, of(*there))
    left = sorted(set(here) - set(there))
    assert len(again) == len(here) - len(set(here))
    assert mine.count_without(theirs) == len(left)
    assert mine.first_without(theirs, 3) == [(2, offset) for offset in left[:3]]
    assert (mine == theirs) == (set(here) == set(there))


def test_ten_million_offsets_take_little_more_than_a_bit_each() -> None:
    bits = OffsetBits()
    for start in range(0, 10_000_000, 500_000):
        bits.add(0, np.arange(start, start + 500_000, dtype=np.int64))
    assert len(bits) == 10_000_000
    assert bits.nbytes < 1_300_000
