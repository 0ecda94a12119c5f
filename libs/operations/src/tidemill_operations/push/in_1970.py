"""Times in the first year of the epoch: possible, and nearly always a unit that was mistaken for another."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

FIRST, BEHIND = datetime(1970, 1, 1, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC)


class In1970:
    """Counts them over the chunks of a file."""

    def __init__(self) -> None:
        self.count = 0
        self.first_line = 0

    def see(self, times: pl.Series, lines: pl.Series) -> None:
        """`times`: timestamp[ms, UTC] of rows that are fit, `lines` the line of each."""
        found = lines.filter((times >= FIRST) & (times < BEHIND))
        if len(found) and not self.count:
            self.first_line = int(found[0])
        self.count += len(found)

    def warning(self) -> str | None:
        """What to say of them; None where there are none."""
        if not self.count:
            return None
        rows = f"{self.count:,} rows have times" if self.count > 1 else "1 row has a time"
        return (
            f"warning: {rows} in 1970, the first in line {self.first_line}: whole numbers are milliseconds, "
            "--time-unit says otherwise"
        )
