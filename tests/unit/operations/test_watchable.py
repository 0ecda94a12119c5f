"""Status says of which models too few rows come to find a change in good time, and how many there would have to be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.learning.drift.streams import model
from tidemill_learning.drift.detection.shift_detectors import LEAST_VALUES
from tidemill_learning.label_time.change_detector import ENOUGH_LABELS
from tidemill_operations.standing.watchable import DAY_MS, LABELS, VALUES, Rates, rows_a_day, too_few


def test_the_numbers_are_those_of_the_detectors() -> None:
    assert (LABELS, VALUES) == (ENOUGH_LABELS, LEAST_VALUES)


def test_rows_a_day_are_counted_over_the_time_that_all_partitions_tell_of() -> None:
    ten_a_day = {0: [k * DAY_MS // 5 for k in range(500)], 1: [k * DAY_MS // 5 + 7 for k in range(300, 500)]}
    assert rows_a_day(ten_a_day, {1: True}) == pytest.approx(10, rel=0.05)
    assert rows_a_day({0: [0, 1, 2]}, {}) is None, "an hour at least"
    assert rows_a_day({0: [0, DAY_MS * 9], 1: []}, {1: True}) is None, "three rows at least"


def test_what_is_too_few_is_said_with_what_is_needed() -> None:
    few = too_few(model(window=timedelta(days=1)), Rates(2.0, 2.0), 6)
    assert [line.split(":")[0] for line in few] == ["too few labels to watch", "too few events to watch"]
    assert "2 a day, 7 needed (200 within 31 days)" in few[0]
    assert "2 a day, 4 needed (100 within 31 days)" in few[1]
    (by_count,) = too_few(model(window=5_000), Rates(10.0, 10.0), 6)
    assert "10 a day, 968 needed (30,000 within 31 days)" in by_count and "`drift: {window: 1d}`" in by_count
    assert "0.2 a day" in too_few(model(window=timedelta(days=1)), Rates(None, 0.2), 6)[0]


def test_ten_a_day_are_watched_by_windows_of_a_day_and_nothing_is_said_of_what_is_not_known_or_not_watched() -> None:
    assert too_few(model(window=timedelta(days=1)), Rates(10.0, 10.0), 6) == []
    assert too_few(model(window=5_000), Rates(), 6) == []
    assert len(too_few(model(window=timedelta(days=1), watch=("quality",)), Rates(1.0, 1.0), 6)) == 1
    assert len(too_few(model(window=timedelta(days=1), watch=("features",)), Rates(1.0, 1.0), 6)) == 1
