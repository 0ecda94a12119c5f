"""Metrics of the runtime, every one declared here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from tidemill.telemetry.recorded import exemplar

__all__ = [
    "ABSENT",
    "CLIENTS_LOST",
    "CONSUMED",
    "KILLING",
    "LAG",
    "PROCESS_SECONDS",
    "PRODUCED",
    "REMOVED_UNREAD",
    "SET_ASIDE",
    "STAGE_SECONDS",
    "TOPICS_ANEW",
    "TRANSACTIONS",
    "TRANSACTION_SECONDS",
    "WITHOUT_ROOM",
    "stage",
]

ABSENT = Gauge(
    "tidemill_topic_absent",
    "1 where a topic that is to be read is not there, or may not be seen.",
    ["topic"],
)
CLIENTS_LOST = Counter(
    "tidemill_kafka_clients_lost_total",
    "Kafka clients that knew no broker any more while the brokers answered others; each was replaced.",
)
CONSUMED = Counter("tidemill_consumed_records_total", "Records of committed batches.", ["topic"])
LAG = Gauge(
    "tidemill_consumer_lag",
    "Offsets (records, and markers of transactions) that this process has yet to read of the partitions that it holds, "
    "summed over a topic's partitions. Summed over processes: the group's lag.",
    ["group", "topic"],
)
REMOVED_UNREAD = Counter(
    "tidemill_removed_unread_total",
    "Offsets that retention, or somebody by hand, removed from a topic before this reader had read them.",
    ["group", "topic"],
)
WITHOUT_ROOM = Gauge(
    "tidemill_topic_without_room",
    "1 where a topic waits because it has partitions that what is written from it has not got; `tidemill topics apply`"
    " adds them.",
    ["topic"],
)
TOPICS_ANEW = Counter(
    "tidemill_topic_made_anew_total",
    "Partitions of which this reader found that their topic had been deleted and made anew.",
    ["group", "topic"],
)
SET_ASIDE = Counter(
    "tidemill_set_aside_records_total", "Records that a worker's logic failed on, again and again.", ["topic"]
)
KILLING = Counter(
    "tidemill_killing_records_total", "Records set aside because processes have ended, or hung, on them.", ["topic"]
)
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
def processing() -> Iterator[None]:
    """Time a worker's own logic for one batch; of one that is traced, the point leads to its trace."""
    started = time.perf_counter()
    try:
        yield
    finally:
        PROCESS_SECONDS.observe(time.perf_counter() - started, exemplar())


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the block's time under a stage of the loop, where the block succeeds."""
    started = time.perf_counter()
    yield
    STAGE_SECONDS.labels(name).inc(time.perf_counter() - started)
