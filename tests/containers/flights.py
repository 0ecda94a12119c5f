"""Real flights as files of events and labels, and one of them as a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidemill_flights.data.flights import NEVER, Flights, load_flights, prepared_flights

FIELDS = [
    "event_id", "scheduled_at", "tail_number", "carrier", "flight", "origin", "dest", "distance", "temperature",
    "dew_point", "humidity", "wind_direction", "wind_speed", "wind_gust", "precipitation", "pressure", "visibility",
]  # fmt: skip
ENOUGH = 24_000
"""Labelled rows for a first version, and some."""


@dataclass(frozen=True, slots=True)
class Files:
    """Two portions of events, the first with its labels; how many rows each has."""

    events: Path
    labels: Path
    later: Path
    counts: tuple[int, int, int]


def write_files(folder: Path) -> Files:
    """The first flights of the year, in `folder`."""
    flights = load_flights(prepared_flights(folder), FIELDS, 0.15)
    events, labels = flights.table.slice(0, ENOUGH), _labels(flights, ENOUGH)
    later = flights.table.slice(ENOUGH, ENOUGH // 2)
    files = Files(
        folder / "events.parquet",
        folder / "labels.parquet",
        folder / "later.parquet",
        (events.num_rows, labels.num_rows, later.num_rows),
    )
    for table, path in ((events, files.events), (labels, files.labels), (later, files.later)):
        pq.write_table(table, path)
    return files


def _labels(flights: Flights, first: int) -> pa.Table:
    known = np.flatnonzero(flights.observed[:first] != NEVER)
    rows = flights.table.take(pa.array(known))
    observed = pa.array(flights.observed[known], pa.timestamp("ms", "UTC"))
    return pa.table(
        {
            "event_id": rows["event_id"],
            "label": pa.array(flights.late[known]),
            "event_time": rows["scheduled_at"],
            "observed_at": observed,
            "entity": rows["tail_number"],
        }
    )


def one_flight(event_id: str) -> dict[str, object]:
    """A record of the model's schema, as JSON."""
    numbers = {"distance": 1400.0, "temperature": 39.0, "dew_point": 28.0, "humidity": 64.4, "wind_direction": 260.0}
    return {
        "event_id": event_id, "scheduled_at": "2013-03-01T10:00:00Z", "tail_number": "N14228", "carrier": "UA",
        "flight": 1545, "origin": "EWR", "dest": "IAH", **numbers, "wind_speed": 12.6, "wind_gust": None,
        "precipitation": 0.0, "pressure": 1011.9, "visibility": 10.0,
    }  # fmt: skip
