"""Temporal split with a gap for labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_learning.training.examples import Examples
from tidemill_learning.training.split import SHORT, TemporalSplit, known_at, temporal_split


def examples(times: list[int], delays: list[int]) -> Examples:
    time = np.array(times, dtype=np.int64)
    count = len(time)
    return Examples(
        {}, np.zeros(count), time, time + np.array(delays, dtype=np.int64), np.arange(count, dtype=np.int64)
    )


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), min_size=20, max_size=200),
    st.sampled_from([(70, 15, 15), (50, 25, 25), (34, 33, 33)]),
)
def test_no_part_knows_anything_of_a_later_part(rows: list[tuple[int, int]], percent: tuple[int, int, int]) -> None:
    data = examples([time for time, _ in rows], [delay for _, delay in rows])
    try:
        parts = temporal_split(data, percent)
    except ValueError:
        return
    for earlier, later in ((parts.fit, parts.tune), (parts.tune, parts.test)):
        assert earlier.event_time.max() < later.event_time.min()
        assert (
            SHORT in parts.note
            or earlier.observed_at.max() <= later.event_time.min()
            or earlier.observed_at.max() <= later.observed_at.min()
        )
    taken = np.concatenate([part.position for part in (parts.fit, parts.tune, parts.test)])
    assert len(np.unique(taken)) == len(taken)


def test_labels_of_a_part_were_observed_before_the_next_part_begins() -> None:
    parts = temporal_split(examples(list(range(100)), [5] * 100), (70, 15, 15))
    assert parts.fit.observed_at.max() <= 70 and parts.tune.observed_at.max() <= 85
    assert (len(parts.fit), len(parts.tune), len(parts.test)) == (66, 11, 15)


def test_rows_of_equal_time_stay_together() -> None:
    parts = temporal_split(examples([1] * 60 + [2] * 20 + [3] * 20, [0] * 100), (70, 15, 15))
    assert [len(part) for part in (parts.fit, parts.tune, parts.test)] == [60, 20, 20]


def test_rows_that_span_no_time_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="too equal in time"):
        temporal_split(examples([5] * 100, [0] * 100), (70, 15, 15))


def test_rows_that_span_less_time_than_labels_take_are_split_without_a_gap_and_say_so() -> None:
    parts = temporal_split(examples(list(range(100)), [1_000] * 100), (70, 15, 15))
    assert (len(parts.fit), len(parts.tune), len(parts.test), parts.note) == (70, 15, 15, SHORT)


def test_nothing_observed_after_the_cut_off_and_nothing_within_the_delay_is_used() -> None:
    data = examples([0, 50, 89, 95], [10, 60, 1, 1])
    assert known_at(data, cut_off_ms=100, delay_ms=10).event_time.tolist() == [0, 89]


def classes(labels: list[int], percent: tuple[int, int, int] = (70, 15, 15)) -> TemporalSplit:
    time = np.arange(len(labels), dtype=np.int64)
    return temporal_split(Examples({}, np.array(labels), time, time, time), percent)


def test_a_test_part_of_one_class_begins_earlier_so_that_it_tells_classes_apart() -> None:
    parts = classes([0, 1] * 400 + [0] * 200)
    assert int(parts.test.target.sum()) >= 10 and len(parts.test) < 300
    assert parts.tune.target.sum() >= 10 and len(parts.fit) > 450
    assert "nearly all of one class" in parts.note


def test_parts_that_hold_several_classes_are_cut_where_the_model_file_says() -> None:
    parts = classes([0, 1] * 500)
    assert (len(parts.fit), len(parts.tune), len(parts.test), parts.note) == (700, 150, 150, "")


def test_rows_that_are_all_of_one_class_are_cut_as_ever() -> None:
    parts = classes([1] * 1_000)
    assert (len(parts.fit), len(parts.tune), len(parts.test), parts.note) == (700, 150, 150, "")
