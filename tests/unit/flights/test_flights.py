"""The flights: what is known when, and what the control shuffles."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tidemill_flights.data.flights import NEVER, Flights, make_flights
from tidemill_flights.data.permute import permuted
from tidemill_flights.data.prepare import prepare

HOUR = 3_600_000
WEEK = 7 * 24 * HOUR


def airports() -> pl.DataFrame:
    return pl.DataFrame({"faa": ["LAX", "BOS"], "tzone": ["America/Los_Angeles", "America/New_York"]})


def flight(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "year": 2013, "month": 7, "day": 1, "hour": 23, "minute": 30, "sched_dep_time": 2330,
        "dep_delay": 10.0, "arr_time": 212.0, "arr_delay": 20.0, "air_time": 300.0, "carrier": "UA",
        "flight": 7, "tailnum": "N1", "origin": "EWR", "dest": "LAX", "distance": 2454,
        "time_hour": "2013-07-02T03:00:00Z",
    }  # fmt: skip
    return row | changes


def weather(**changes: object) -> dict[str, object]:
    names = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    row: dict[str, object] = {"origin": "EWR", "time_hour": "2013-07-02T03:00:00Z"} | dict.fromkeys(names, 1.0)
    return row | changes


def prepared(*flights: dict[str, object]) -> list[dict[str, object]]:
    return prepare(
        pl.DataFrame(list(flights), infer_schema_length=None), pl.DataFrame([weather()]), airports()
    ).to_dicts()


def test_a_flight_is_known_at_its_scheduled_departure_in_new_york() -> None:
    (row,) = prepared(flight())
    assert row["scheduled_at"] == datetime(2013, 7, 2, 3, 30, tzinfo=UTC)
    assert row["event_id"] == "2013-07-01-UA-7-EWR-2330"
    assert row["temperature"] == 1.0


def test_it_lands_when_the_clock_at_its_destination_shows_the_arrival() -> None:
    (row,) = prepared(flight())  # off at 03:40, 300 min in the air: 01:40 in Los Angeles, so 02:12 is 32 min later
    assert row["landed_at"] == datetime(2013, 7, 2, 9, 12, tzinfo=UTC)
    assert row["late"] is True


def test_a_flight_that_never_arrives_has_no_label() -> None:
    (row, _) = prepared(flight(arr_delay=None, arr_time=None, air_time=None), flight(flight=8, minute=45))
    assert row["late"] is None
    assert row["landed_at"] is None


def test_less_than_fifteen_minutes_is_not_late() -> None:
    rows = prepared(flight(arr_delay=14.0), flight(flight=8, minute=45, arr_delay=15.0))
    assert [row["late"] for row in rows] == [False, True]


def test_nothing_that_is_known_after_the_scheduled_departure_is_in_the_record() -> None:
    (row,) = prepared(flight())
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} & row.keys()


@pytest.fixture
def year() -> Flights:
    n = 600
    rng = np.random.default_rng(0)
    scheduled = np.sort(rng.integers(0, 8 * WEEK, n))
    observed = np.where(rng.random(n) < 0.1, NEVER, scheduled + rng.integers(HOUR, 9 * HOUR, n))
    names = [f"e{number}" for number in range(n)]
    table = pa.table({"event_id": names, "scheduled_at": scheduled, "carrier": names})
    return make_flights(table, scheduled, observed, rng.random(n) < 0.3)


def test_labels_come_in_the_order_in_which_they_are_observed(year: Flights) -> None:
    observed = year.observed[year.by_observed]
    assert np.all(np.diff(observed) >= 0)
    assert len(observed) == np.count_nonzero(year.observed != NEVER)


def test_the_control_keeps_ids_and_times_and_exchanges_the_rest(year: Flights) -> None:
    control = permuted(year, seed=1)
    assert control.table["event_id"].equals(year.table["event_id"])
    assert np.array_equal(control.scheduled, year.scheduled)
    moved = control.table["carrier"].to_pylist()
    assert sorted(moved) == sorted(year.table["carrier"].to_pylist())
    assert moved != year.table["carrier"].to_pylist()


def test_the_control_exchanges_features_and_label_together(year: Flights) -> None:
    control = permuted(year, seed=1)
    source = np.array([int(name[1:]) for name in control.table["carrier"].to_pylist()])
    assert np.array_equal(control.late, year.late[source])
    arrived = control.observed != NEVER
    assert np.array_equal(arrived, (year.observed != NEVER)[source])
    wait = (control.observed - control.scheduled)[arrived]
    assert np.array_equal(wait, (year.observed - year.scheduled)[source][arrived])


def test_the_control_exchanges_only_within_the_hour_of_the_week_in_new_york(year: Flights) -> None:
    control = permuted(year, seed=1)
    source = np.array([int(name[1:]) for name in control.table["carrier"].to_pylist()])
    here = pl.Series(year.scheduled).cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("America/New_York")
    there = here.gather(source.tolist())
    assert (here.dt.hour() == there.dt.hour()).all()
    assert (here.dt.weekday() == there.dt.weekday()).all()
