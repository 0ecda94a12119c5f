"""Payments of the benchmark's model: columns drawn from a seed, encoded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema

HERE = Path(__file__).parent
MODEL = "payments"
CHANNELS = ("chip", "stripe", "online", "phone")
BAD_EVERY = 1_000
"""Every so many'th record breaks an expectation: the dead letters are part of the work."""


def payments(n: int, *, first: int = 0, at_ms: int = 1_760_000_000_000, step_ms: int = 1) -> pa.RecordBatch:
    """`n` rows, the first with number `first`: event ids, times and faults follow from the number."""
    random = np.random.default_rng(first)
    numbers = np.arange(first, first + n)
    amount = np.round(random.gamma(2.0, 40.0, n).clip(0.01, 9_999), 2)
    amount[numbers % BAD_EVERY == BAD_EVERY - 1] = -1.0
    risk = random.beta(2, 20, n)
    velocity = random.gamma(1.5, 2.0, n)
    holes = random.random(n) < 0.05
    return pa.record_batch(
        {
            "event_id": pa.array([f"p{k:014d}" for k in numbers.tolist()]),
            "at": pa.array(at_ms + numbers * step_ms, pa.timestamp("ms", tz="UTC")),
            "amount": pa.array(amount),
            "card": pa.array([f"c{k}" for k in random.integers(0, 50_000, n).tolist()]),
            "merchant": pa.array([f"M{k:04d}" for k in random.integers(0, 9_999, n).tolist()]),
            "channel": pa.array(random.choice(CHANNELS, n)),
            "terminal": pa.array([f"t{k}" for k in random.integers(0, 99_999, n).tolist()]),
            "balance": pa.array(random.gamma(2.0, 900.0, n), mask=holes),
            "distance": pa.array(random.gamma(1.0, 60.0, n).clip(0, 19_999)),
            "card_age": pa.array(random.uniform(0, 3_000, n)),
            "tries": pa.array(random.integers(0, 5, n).astype(np.int32)),
            "velocity": pa.array(velocity),
            "merchant_risk": pa.array(risk),
            "hold": pa.array(random.exponential(3.0, n)),
            "fraud": pa.array(random.random(n) < (risk + velocity / 40), mask=random.random(n) < 0.5),
        }
    )


def bad_among(first: int, n: int) -> int:
    """How many of those rows break an expectation."""
    return (first + n) // BAD_EVERY - first // BAD_EVERY


def encoded(rows: pa.RecordBatch, codec: Codec, schema: Schema) -> tuple[list[bytes], list[bytes]]:
    """Keys and values of the records."""
    return [card.encode() for card in rows.column("card").to_pylist()], codec.encode(rows, schema)
