"""Cars of nobody: of the same form as the data set's, for where that is not installed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

BEGIN = datetime(2017, 1, 24, 8, tzinfo=UTC)
STEP = timedelta(seconds=33.6)
LATE = timedelta(hours=6)
LOSS_A_YEAR, LOSS_A_KM, LOSS_AN_ACCIDENT = 0.12, 0.03, 600.0
NOISE = 800.0
"""Of a price, one standard deviation."""


def made_up(rows: int, seed: int = 0) -> pl.DataFrame:
    """So many listings by time: the record's fields, `price`, and `observed_at` (UTC), six hours later. A car loses a
    share of what it cost when it was new each year, and something with each kilometre and each accident. Equal
    arguments give equal rows.
    """
    random = np.random.default_rng(seed)
    age = random.integers(1, 20, rows).astype(np.float64)
    km = np.round(age * random.uniform(4_000, 12_000, rows))
    new = np.round(random.uniform(16_000, 48_000, rows))
    accidents = random.poisson(0.4, rows).astype(np.float64)
    fuel = random.choice(["diesel", "electric", "gas"], rows, p=[0.35, 0.15, 0.5])
    worth = (
        new * (1.0 - LOSS_A_YEAR) ** age
        - km * LOSS_A_KM
        - accidents * LOSS_AN_ACCIDENT
        + 1_500.0 * (fuel == "electric")
    )
    times = [BEGIN + number * STEP for number in range(rows)]
    at = pl.Series("listed_at", times).dt.cast_time_unit("ms")
    return pl.DataFrame(
        {
            "event_id": [f"made-up-{seed}-{number:06d}" for number in range(rows)],
            "listed_at": at,
            "car_id": [str(number) for number in range(rows)],
            "car_age": age,
            "km_driven": km,
            "price_new": new,
            "accident_count": accidents,
            "door_count": random.integers(3, 6, rows).astype(np.float64),
            "fuel": fuel,
            "transmission": random.choice(["automatic", "manual"], rows),
            "price": np.round(np.maximum(worth + random.normal(0.0, NOISE, rows), 300.0)),
            "observed_at": at + LATE,
        }
    )
