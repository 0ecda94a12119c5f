from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kafka.headers import origin
from tidemill_validator.checks.outputs import origins
from tidemill_validator.checks.partition_slices import Picked, by_partition, integers, items, place

PARTITIONS = st.lists(st.integers(0, 3), max_size=40) | st.lists(st.integers(0, 3), max_size=40).map(sorted)


@given(st.lists(st.booleans(), max_size=80) | st.lists(st.integers(0, 40).map(bool), max_size=80))
def test_what_is_picked_are_the_items_at_the_places(there: list[bool]) -> None:
    places = np.flatnonzero(np.array(there, dtype=np.bool_))
    column = [f"item {k}" for k in range(len(there))]
    picked = Picked(places, len(there))
    assert len(picked) == len(places)
    assert picked.of(column) == [column[k] for k in places]
    assert column == [f"item {k}" for k in range(len(there))]


@given(PARTITIONS)
def test_each_partition_has_its_places_in_order(partitions: list[int]) -> None:
    found = by_partition(integers(partitions))
    assert [number for number, _ in found] == sorted(set(partitions))
    for number, places in found:
        wanted = [k for k, one in enumerate(partitions) if one == number]
        assert items(list(range(len(partitions))), places) == wanted
        assert [place(places, k) for k in range(len(wanted))] == wanted


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**63 - 1)), max_size=30))
def test_origins_written_together_are_those_written_one_by_one(positions: list[tuple[int, int]]) -> None:
    partitions, offsets = [p for p, _ in positions], [o for _, o in positions]
    assert origins(lambda _: "a.b-c_d", partitions, offsets) == [origin("a.b-c_d", p, o) for p, o in positions]
