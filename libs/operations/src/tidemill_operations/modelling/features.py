"""What a model may see of a sample's columns, and why of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from tidemill_operations.modelling.columns import Column
from tidemill_operations.modelling.label import Label
from tidemill_operations.modelling.leaks import knows_the_label, later
from tidemill_operations.modelling.roles import looks_like_id
from tidemill_operations.modelling.times import hours_vary

MOST_CATEGORIES: Final = 500
FEW_LARGE: Final = 50
EXACT: Final = 2**53
ROWS_OF_A_CATEGORY: Final = 5
"""Fewer rows on average, and it is free text or an identifier."""


@dataclass(frozen=True, slots=True)
class Guess:
    """`kind`: as the model file has it, None where the column is no feature; `doubtful`: a person may know better."""

    column: Column
    kind: str | None
    reason: str
    doubtful: bool = False


def guess_features(
    columns: Mapping[str, Column], label: Label, roles: Mapping[str, str | None], zone: str
) -> list[Guess]:  # fmt: skip
    """A guess for every column but the label. `roles`: the columns that are `event_id`, `event_time`, `entity`.

    Where nothing but the clock is left beside what knows the label, that is kept, and the file says so.
    """
    time = roles.get("event_time")
    event_time = columns[time].values if time is not None else None
    found = [_guess(column, label, roles, event_time, zone) for column in columns.values()]
    if any(guess.kind in ("number", "category") and not guess.doubtful for guess in found):
        return [Guess(g.column, None, g.reason, True) if g.doubtful else g for g in found]
    return found


def _guess(
    column: Column, label: Label, roles: Mapping[str, str | None], event_time: pl.Series | None, zone: str
) -> Guess:
    if column.name == roles.get("event_id"):
        return Guess(column, None, "the event's id")
    if column.name == roles.get("entity"):
        return Guess(column, None, "the entity: an id tells nothing of those that are new")
    if column.kind == "":
        return Guess(column, None, f"a record cannot hold it: {column.reason}")
    if column.name == roles.get("event_time"):
        return _clock(column, zone)
    if not column.different:
        return Guess(column, None, column.reason)
    if column.different == 1 and not column.missing:
        return Guess(column, None, "the same everywhere")
    if (why := later(column, event_time)) is not None:
        return Guess(column, None, why)
    if _counts_rows(column):
        return Guess(column, None, "counts the rows")
    kind, reason = _kind(column)
    why = knows_the_label(column, label) if kind else None
    if why is not None:
        return Guess(column, kind, f"{why}: known only afterwards? A model that sees it learns nothing else", True)
    return Guess(column, kind, reason)


def _clock(column: Column, zone: str) -> Guess:
    times = column.values.drop_nulls()
    parts = ["hour"] if hours_vary(times) else []
    parts += ["weekday"] if len(times) and times.dt.date().n_unique() > 1 else []
    if not parts:
        return Guess(column, None, "the event's time, the same everywhere")
    return Guess(
        column,
        f"{{time: [{', '.join(parts)}], zone: {zone}}}",
        "the event's time; hours and days are counted in this zone",
    )


def _counts_rows(column: Column) -> bool:
    """Whether a column is an index: whole numbers, each one more than that before."""
    return column.kind == "long" and column.is_unique and bool((column.values.diff().drop_nulls() == 1).all())


def _too_large(column: Column) -> bool:
    ends = (column.values.min(), column.values.max())
    return any(isinstance(end, int) and abs(end) > EXACT for end in ends)


def _kind(column: Column) -> tuple[str | None, str]:
    if column.kind == "time":
        return None, "another time: only the event's own is a feature"
    if column.kind == "boolean":
        return "number", "true is 1, false 0"
    if looks_like_id(column.name) and column.kind in ("string", "long"):
        if column.different > MOST_CATEGORIES or column.different * ROWS_OF_A_CATEGORY > column.present:
            return None, f"looks like an id: {column.different:,} different ones in {column.present:,} rows"
        return "category", f"{column.different:,} different ones; its name looks like that of an id, so it is no amount"
    if column.kind == "long" and _too_large(column):
        few = column.different <= FEW_LARGE
        return ("category" if few else None), f"{column.reason}: a number is exact to a model only up to 2^53"
    if column.kind in ("long", "double"):
        return "number", column.reason
    if column.different > MOST_CATEGORIES or column.different * ROWS_OF_A_CATEGORY > column.present:
        return None, f"an id or free text: {column.reason} in {column.present:,} rows"
    return "category", column.reason
