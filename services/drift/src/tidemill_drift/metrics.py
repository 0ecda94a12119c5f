"""Every metric of drift."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from tidemill.telemetry.of_versions import OfVersions

RECORDS = Counter(
    "tidemill_drift_records_total",
    "Records that profile has read; after a restart some again.",
    ["model", "role"],
)
UNREADABLE = Counter(
    "tidemill_drift_unreadable_total",
    "Values that could not be decoded and were left out.",
    ["model", "role"],
)
PROFILES = Counter(
    "tidemill_drift_profiles_total",
    "Profiles written; after a restart some again.",
    ["model", "kind", "sealed"],
)
FOLD_SECONDS = Histogram(
    "tidemill_drift_fold_seconds",
    "Seconds to fold one batch of records.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
WAITING = Gauge("tidemill_drift_waiting_predictions", "Predictions that wait for their label.", ["model", "partition"])
OPEN_LABELS = Gauge("tidemill_drift_open_labels", "Labels in windows that are not closed.", ["model", "partition"])
UNLABELLED = Counter(
    "tidemill_drift_unlabelled_total",
    "Predictions whose label did not come before it expired, by who had asked (stream, rest).",
    ["model", "source"],
)
LABEL_DELAY_SECONDS = Histogram(
    "tidemill_drift_label_delay_seconds",
    "Of predictions that got their first label, from the event until its outcome was observed, by who had asked "
    "(stream, rest); after a restart some again.",
    ["model", "source"],
    buckets=(1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 90 * 86_400),
)
UNMATCHED = Counter("tidemill_drift_unmatched_total", "Labels that met no prediction.", ["model"])
ORPHANS = Gauge(
    "tidemill_drift_orphan_labels",
    "Labels that are about no event that came to their partition, since the group began.",
    ["model", "partition"],
)
COUNTED_LABELS = Gauge(
    "tidemill_drift_counted_labels",
    "Labels that were held against events, since the group began.",
    ["model", "partition"],
)
LATE = Counter("tidemill_drift_late_total", "Records that came after their window was closed.", ["model"])

JUDGED = Counter("tidemill_drift_judged_profiles_total", "Profiles that detect has taken in.", ["model", "kind"])
WATCHED = Gauge("tidemill_drift_watched_version", "The version that detect watches.", ["model"])
EVENTS = Counter(
    "tidemill_drift_events_total",
    "Drift events by kind, detector and who had asked (stream, rest).",
    ["model", "kind", "detector", "source"],
)
REQUESTS = Counter("tidemill_drift_retrain_requests_total", "Retrain requests by cause.", ["model", "cause"])
METRIC = Gauge(
    "tidemill_drift_performance",
    "Newest measured metric of a version, on labels that have arrived, by who had asked (stream, rest).",
    ["model", "version", "arm", "metric", "source"],
)
VERSIONS = OfVersions(METRIC)
"""What is measured of versions, of those alone that were measured last."""
STATISTIC = Gauge(
    "tidemill_drift_statistic",
    "What a detector measured in the newest window, in its own unit (psi: none; nulls: a share), by what it looked at "
    "and who had asked (stream, rest). Of the version that is watched.",
    ["model", "detector", "subject", "source"],
)
THRESHOLD = Gauge(
    "tidemill_drift_threshold",
    "What the statistic of the same labels was held against: above it is drift.",
    ["model", "detector", "subject", "source"],
)
QUIET = Gauge(
    "tidemill_drift_quiet_failure",
    "1 while it lasts: traffic_stopped, labels_stopped, join_rate_fell, new_category, new_class.",
    ["model", "failure"],
)
STATE_BYTES = Gauge("tidemill_drift_state_bytes", "Size of a model's detector state.", ["model"])
