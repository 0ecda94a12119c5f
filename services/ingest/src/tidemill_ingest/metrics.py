"""Every metric of ingest."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

RECORDS = Counter(
    "tidemill_ingest_records_total",
    "Records by outcome: accepted (acknowledged by Kafka), refused (no record), unstored (no answer).",
    ["model", "role", "outcome"],
)
REQUESTS = Counter("tidemill_ingest_requests_total", "Requests by route and status.", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "tidemill_ingest_request_seconds",
    "Seconds from a request's first byte to its answer, Kafka's acknowledgement included.",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
