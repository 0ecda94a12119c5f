"""Outputs made piece by piece while they are written."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.runtime.gc_tuning import few_collections
from tidemill.kafka.runtime.outputs import PIECE, Making, in_pieces


def batch(topic: str, size: int) -> Batch:
    numbers = list(range(size))
    return Batch(topic, [0] * size, numbers, numbers, [None] * size, [b"%d" % k for k in numbers], [None] * size)


@given(st.lists(st.integers(1, 40), max_size=8), st.integers(1, 12))
def test_pieces_hold_every_record_once_in_order(sizes: list[int], size: int) -> None:
    pieces = list(in_pieces([batch(f"t{k}", n) for k, n in enumerate(sizes)], size))
    flat = [(part.topic, offset) for piece in pieces for part in piece for offset in part.offsets]
    assert flat == [(f"t{k}", offset) for k, n in enumerate(sizes) for offset in range(n)]
    assert all(len(part) <= size for piece in pieces for part in piece)


def test_small_batches_of_many_topics_are_worked_on_together() -> None:
    assert [len(piece) for piece in in_pieces([batch(f"t{k}", 10) for k in range(50)], 2_500)] == [50]


def test_the_first_outputs_are_there_before_the_last_are_made() -> None:
    made: list[int] = []

    def process(batches: list[Batch]) -> list[Output]:
        made.append(sum(map(len, batches)))
        return [Output("out", part.values) for part in batches]

    making = Making(process, [batch("t", 2 * PIECE)])
    outputs = iter(making)
    next(outputs)
    assert made == [PIECE]
    assert len(list(outputs)) == 1
    assert making.written == {"out": 2 * PIECE}


def test_the_collector_is_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with pytest.raises(RuntimeError, match="end"), few_collections():
        assert gc.get_threshold()[0] > before[0]
        assert gc.isenabled()
        raise RuntimeError("end")
    assert gc.get_threshold() == before


def test_records_at_places_keep_their_columns_together() -> None:
    some = batch("t", 6).at([1, 4])
    assert (some.topic, some.offsets, some.timestamps_ms, some.values) == ("t", [1, 4], [1, 4], [b"1", b"4"])
    assert len(some.keys) == len(some.headers) == len(some.partitions) == 2
