"""The listings: cars with what they were sold for, and when that was known.

The data set is NannyML's synthetic one of car prices (Apache License 2.0): 60,000 listings of a reference period and
60,000 of the one after it, one every 33.6 seconds from 2017-01-24 on. Its files are read where the package lies;
nothing of the package is imported, which would need its many requirements and reports its use to its makers.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

PACKAGE = "nannyml"
INSTALL = "pip install --no-deps nannyml==0.13.1"
FOLDER = Path("datasets") / "data"
REFERENCE = "regression_synthetic_reference.csv"
LATER = "regression_synthetic_analysis.csv"
LATER_PRICES = "regression_synthetic_analysis_targets.csv"
NUMBERS = ("car_age", "km_driven", "price_new", "accident_count", "door_count")
TEXTS = ("fuel", "transmission")
SPREAD = 0.2
"""By which share of the delay a price may be known earlier or later."""
SEED = 0


class NoDataSet(Exception):
    """The data set is not here; the message says how to get it."""


def data_folder() -> Path:
    """Where the package's data sets lie. Raises NoDataSet where it is not installed, or holds them elsewhere."""
    found = find_spec(PACKAGE)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    if not places:
        raise NoDataSet(f"the data set comes with the package {PACKAGE}, which is not installed: {INSTALL}")
    folder = Path(places[0]) / FOLDER
    missing = [name for name in (REFERENCE, LATER, LATER_PRICES) if not (folder / name).is_file()]
    if missing:
        raise NoDataSet(f"the package {PACKAGE} that is installed has no {missing[0]}: {INSTALL}")
    return folder


def listings(folder: Path, rows: int | None = None, label_delay: timedelta = timedelta(hours=6)) -> pl.DataFrame:
    """The first `rows` listings (None: all) by time: the record's fields, `price`, and `observed_at` (UTC), when that
    was known: the delay after the listing, a fifth of it sooner or later, the same every time.
    """
    later = pl.read_csv(folder / LATER).join(pl.read_csv(folder / LATER_PRICES), on="id", how="inner")
    both = pl.concat([pl.read_csv(folder / REFERENCE), later], how="diagonal_relaxed").sort("id")
    cars = both if rows is None else both.head(rows)
    late = np.random.default_rng(SEED).uniform(1.0 - SPREAD, 1.0 + SPREAD, len(both))[: len(cars)]
    ms = (late * (label_delay / timedelta(milliseconds=1))).astype(np.int64)
    number = pl.col("id").cast(pl.Int64).cast(pl.String)
    at = pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", time_zone="UTC")
    return cars.select(
        number.map_elements(lambda text: f"listing-{text.zfill(6)}", return_dtype=pl.String).alias("event_id"),
        at.alias("listed_at"),
        number.alias("car_id"),
        *(pl.col(name).cast(pl.Float64) for name in NUMBERS),
        *(pl.col(name) for name in TEXTS),
        pl.col("y_true").cast(pl.Float64).alias("price"),
        (at + pl.Series("late", ms).cast(pl.Duration("ms"))).alias("observed_at"),
    )
