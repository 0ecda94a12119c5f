"""The demo's stream in memory: flights in the order of their scheduled departure, and when each one's label
is known.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Airlines report an arrival some minutes after it: the label is observed then.
REPORT_DELAY_MS = 5 * 60_000
NEVER = np.iinfo(np.int64).max
CACHE_NAME = "flights-1.parquet"
PREPARE_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Flights:
    """Rows in time order. `table`: what is known at the scheduled departure, as the model's record wants it.

    `scheduled`, `observed`: int64 [n], UTC ms; `observed` is NEVER for a flight without arrival. `late`: bool
    [n], meaningless where `observed` is NEVER. `by_observed`: int64, the labelled rows in the order in which
    their labels become known.
    """

    table: pa.Table
    scheduled: np.ndarray
    observed: np.ndarray
    late: np.ndarray
    by_observed: np.ndarray

    def __len__(self) -> int:
        return len(self.scheduled)


def prepared_flights(folder: Path) -> Path:
    """The path of the prepared data under `folder`, made there in a short-lived process when it is missing.
    Raises RuntimeError.
    """
    path = folder / CACHE_NAME
    if path.exists():
        return path
    command = [sys.executable, "-m", "tidemill_flights.data.prepare", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PREPARE_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"the flights could not be prepared (pip install 'tidemill-flights'?):\n{done.stderr.strip()}"
        )
    return path


def load_flights(path: Path, fields: list[str], fraction: float = 1.0) -> Flights:
    """Reads the first `fraction` of the prepared year, with the record's `fields` only. Raises ValueError for
    an unknown field.
    """
    known = pq.read_schema(path).names
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise ValueError(f"the flights have no {', '.join(unknown)}; they have {', '.join(known)}")
    table = pq.read_table(path, columns=[*fields, "late", "landed_at"])
    table = table.slice(0, max(1, round(len(table) * fraction)))
    landed = _millis(table["landed_at"])
    observed = np.where(landed == NEVER, NEVER, landed + REPORT_DELAY_MS)
    late = table["late"].fill_null(False).combine_chunks().to_numpy(zero_copy_only=False)
    return make_flights(table.select(fields).combine_chunks(), _millis(table["scheduled_at"]), observed, late)


def make_flights(table: pa.Table, scheduled: np.ndarray, observed: np.ndarray, late: np.ndarray) -> Flights:
    """Puts columns together and works out the order of the labels."""
    order = np.argsort(observed, kind="stable")
    return Flights(table, scheduled, observed, late, order[: int(np.count_nonzero(observed != NEVER))])


def _millis(column: pa.ChunkedArray) -> np.ndarray:
    filled = pc.fill_null(column.cast(pa.timestamp("ms", "UTC")).cast(pa.int64()), NEVER)
    return np.asarray(filled.combine_chunks().to_numpy(zero_copy_only=False), dtype=np.int64)
