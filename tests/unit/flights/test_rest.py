"""What the REST clients send and what they make of answers."""

from __future__ import annotations

import pyarrow as pa

from tidemill_flights.feed.rest_clients import json_rows, versions_in
from tidemill_flights.live import Cumulative


def test_every_version_that_an_answer_names_is_found() -> None:
    assert versions_in({"predictions": [{"version": 1}, {"version": 2}], "model": "m"}) == {1, 2}
    assert versions_in({"version": 3, "probability": 0.5}) == {3}
    assert versions_in({"probability": 0.5}) == set()


def test_rows_are_sent_without_nulls_and_with_times_that_say_their_zone() -> None:
    when = pa.array([0]).cast(pa.timestamp("ms", "UTC"))
    rows = pa.RecordBatch.from_pydict({"id": ["a"], "at": when, "none": pa.nulls(1, pa.string())})
    assert json_rows(rows) == [{"id": "a", "at": "1970-01-01T00:00:00+00:00"}]


def test_a_counter_goes_on_counting_when_its_process_begins_again() -> None:
    counter = Cumulative()
    for value in (10, 25, 5, 9):
        counter.take(value)
    assert counter.value == 25 + 9
