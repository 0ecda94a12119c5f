"""Every metric of ingest."""

from __future__ import annotations

from prometheus_client import Counter

RECORDS = Counter(
    "tidemill_ingest_records_total",
    "Records by outcome: accepted (acknowledged by Kafka), refused (no record), unstored (no answer).",
    ["model", "role", "outcome"],
)
