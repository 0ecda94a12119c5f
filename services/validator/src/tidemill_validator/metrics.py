"""Every metric of the validator."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "tidemill_validator_records_total",
    "Records judged, by where they went: clean, dead, or set_aside (to the dead letters, but nothing is wrong:"
    " tombstones, deleted rows). Counted before the commit: a retry counts again.",
    ["model", "role", "outcome"],
)
FAILURES = Counter(
    "tidemill_validator_failures_total",
    "Expectations not met and records not readable, by name of expectation or error and its severity.",
    ["model", "role", "reason", "severity"],
)
BATCH_SECONDS = Histogram(
    "tidemill_validator_batch_seconds",
    "Seconds to judge one batch of a topic, without reading and writing it.",
    ["model", "role"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
SEEN_IDS = Gauge(
    "tidemill_validator_seen_ids",
    "Event ids remembered for uniqueness, over all partitions that this process holds.",
    ["model", "role"],
)
FORGOTTEN_IDS = Counter(
    "tidemill_validator_forgotten_ids_total",
    "Event ids that were forgotten inside their window because there were too many of them.",
    ["model", "role"],
)
REBUILD_SECONDS = Histogram(
    "tidemill_validator_rebuild_seconds",
    "Seconds to read back the event ids of newly assigned partitions.",
    ["model", "role"],
)
PAUSED = Gauge(
    "tidemill_validator_paused",
    "1 where a raw topic is paused because of a flood of bad records; `tidemill resume MODEL` lets it go on.",
    ["model", "role"],
)
WINDOW_BROKEN = Gauge(
    "tidemill_validator_window_broken",
    "1 where an expectation did not hold in the newest complete window of event time, over all partitions.",
    ["model", "expectation", "column"],
)
