"""The stream: customers at their times, with who left and when that was known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from tidemill_bank_churn.customers import COUNTRIES, Customers, draw_customers
from tidemill_bank_churn.leaving import Drift, chance_after_the_rival, chance_of_leaving, share_of_second

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=15)
"""Between two events."""
TIME = pa.timestamp("ms", tz="UTC")
SPREAD = 0.2
"""By which share of the delay a label may come earlier or later."""


def bank_churn(rows: int, seed: int = 0, drift: Drift = "none", label_delay: timedelta = timedelta(days=7)) -> pa.Table:
    """So many events with their labels, by time: the record's fields, `exited`, and `observed_at` (UTC), when that was
    known: the delay after the event, a fifth of it sooner or later. Equal arguments give equal rows.

    Raises ValueError for fewer than one row or a delay below zero.
    """
    if rows < 1:
        raise ValueError(f"{rows} rows are no stream: at least 1")
    if label_delay < timedelta(0):
        raise ValueError("a label cannot be known before its event: a delay of 0 or more")
    random = np.random.default_rng(seed)
    customers = draw_customers(rows, random)
    second = random.random(rows) < share_of_second(drift, rows)
    chance = np.where(second, chance_after_the_rival(customers), chance_of_leaving(customers))
    exited = random.random(rows) < chance
    at = np.arange(rows, dtype=np.int64) * (STEP // timedelta(milliseconds=1)) + int(BEGIN.timestamp() * 1000)
    late = random.uniform(1.0 - SPREAD, 1.0 + SPREAD, rows) * (label_delay / timedelta(milliseconds=1))
    return pa.table(
        {
            "event_id": pa.array([f"review-{seed}-{number:08d}" for number in range(rows)]),
            "reviewed_at": _times(at),
            "customer_id": pa.array([str(number) for number in (10_000_000 + random.permutation(rows)).tolist()]),
            **_columns(customers),
            "exited": pa.array(exited),
            "observed_at": _times(at + late.astype(np.int64)),
        }
    )


def _columns(customers: Customers) -> dict[str, pa.Array]:
    names = np.array(COUNTRIES)
    return {
        "credit_score": pa.array(customers.credit_score, pa.int32()),
        "country": pa.array(names[customers.country].tolist()),
        "gender": pa.array(np.where(customers.woman, "Female", "Male").tolist()),
        "age": pa.array(customers.age, pa.int32()),
        "tenure": pa.array(customers.tenure, mask=np.isnan(customers.tenure)).cast(pa.int32()),
        "balance": pa.array(customers.balance),
        "products": pa.array(customers.products, pa.int32()),
        "has_card": pa.array(customers.card.astype(np.int32)),
        "active": pa.array(customers.active.astype(np.int32)),
        "estimated_salary": pa.array(customers.salary),
    }


def _times(ms: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return pa.array(ms, pa.int64()).cast(TIME)
