"""Metrics of the runtime, every one declared here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

__all__ = [
    "CONSUMED",
    "PROCESS_SECONDS",
    "PRODUCED",
    "STAGE_SECONDS",
    "TRANSACTIONS",
    "TRANSACTION_SECONDS",
    "stage",
]

CONSUMED = Counter("tidemill_consumed_records_total", "Records of committed batches.", ["topic"])
PRODUCED = Counter("tidemill_produced_records_total", "Records written in committed transactions.", ["topic"])
TRANSACTIONS = Counter(
    "tidemill_transactions_total", "Transactions by outcome: committed, aborted, in_doubt, fenced.", ["outcome"]
)
PROCESS_SECONDS = Histogram(
    "tidemill_process_seconds",
    "Time in a worker's own logic for one batch.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
TRANSACTION_SECONDS = Histogram(
    "tidemill_transaction_seconds",
    "Time to write and commit one batch.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
STAGE_SECONDS = Counter(
    "tidemill_stage_seconds_total",
    "Time by stage. The loop's: consume (of turns with records), columns, wait (for outputs), produce, commit (as far "
    "as it was waited for). Beside it: process, the worker's own logic.",
    ["stage"],
)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the block's time under a stage of the loop, where the block succeeds."""
    started = time.perf_counter()
    yield
    STAGE_SECONDS.labels(name).inc(time.perf_counter() - started)
