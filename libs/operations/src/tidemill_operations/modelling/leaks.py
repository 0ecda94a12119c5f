"""Columns that know the label: what is learned from them is worth nothing where they are filled only afterwards."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidemill_operations.modelling.columns import Column
from tidemill_operations.modelling.label import Label

ENOUGH: Final = 50
"""Labelled rows from which on a pattern without exception is told."""
FEW: Final = 50
OF_EACH: Final = 5
ALIKE: Final = 0.99999


def later(column: Column, event_time: pl.Series | None) -> str | None:
    """Why a column of times is known only afterwards; None where it is not, or holds no times."""
    if column.kind != "time" or event_time is None:
        return None
    both = pl.DataFrame({"own": column.values, "event": event_time}).drop_nulls()
    if not len(both) or (both["own"] < both["event"]).any() or not (both["own"] > both["event"]).any():
        return None
    return "times after the event: known only afterwards"


def knows_the_label(column: Column, label: Label) -> str | None:
    """Why a column is taken to be made of the label, or of what the label is made of; None where nothing says so."""
    both = pl.DataFrame({"x": column.values, "y": label.values}).drop_nulls("y")
    if len(both) < ENOUGH or both["y"].n_unique() < 2:
        return None
    if label.task == "regression":
        return _follows(both) if column.kind in ("long", "double") else None
    return _missing_by_label(both) or _groups(both) or (_apart(both) if column.kind in ("long", "double") else None)


def _follows(both: pl.DataFrame) -> str | None:
    present = both.drop_nulls()
    if len(present) < ENOUGH:
        return None
    alike = present.select(pl.corr(pl.col("x").cast(pl.Float64), pl.col("y"))).item()
    return "it follows the label without exception" if alike is not None and abs(alike) > ALIKE else None


def _missing_by_label(both: pl.DataFrame) -> str | None:
    if not both["x"].null_count() or both["x"].null_count() == len(both):
        return None
    shares = both.group_by("y").agg(pl.col("x").is_null().mean().alias("missing"))["missing"]
    return "it is there for some labels and for others never" if shares.is_in([0.0, 1.0]).all() else None


def _groups(both: pl.DataFrame) -> str | None:
    present = both.drop_nulls()
    groups = present.group_by("x").agg(pl.col("y").n_unique().alias("labels"), pl.len().alias("rows"))
    few = 1 < len(groups) <= FEW and len(present) >= OF_EACH * len(groups)
    if few and (groups["labels"] == 1).all() and present["y"].n_unique() > 1:
        return "each of its values comes with one label alone"
    return None


def _apart(both: pl.DataFrame) -> str | None:
    present = both.drop_nulls()
    ends = present.group_by("y").agg(
        pl.col("x").min().alias("least"), pl.col("x").max().alias("most"), pl.len().alias("n")
    )
    ends = ends.sort("least")
    if len(ends) < 2 or int(ends["n"].min() or 0) < OF_EACH:  # type: ignore[arg-type]
        return None
    apart = all(ends["most"][i] < ends["least"][i + 1] for i in range(len(ends) - 1))
    return "its numbers tell the labels apart without exception" if apart else None
