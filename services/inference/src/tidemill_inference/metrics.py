"""Every metric of the service, declared once."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Callable
from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

from tidemill.telemetry.of_versions import OfVersions
from tidemill_inference.serving.serving import Predictions

PREDICTION_SECONDS = Histogram(
    "model_prediction_duration_seconds",
    "Features and scores of one request or batch.",
    ["model", "source"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
REQUEST_STAGE_SECONDS = Histogram(
    "tidemill_request_stage_seconds",
    "Of one in 16 small JSON requests, where its time went: parse, admit (keys, rates), check (expectations), score "
    "(with those that came together, and the wait for them), write.",
    ["stage"],
    buckets=(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0),
)
PREDICTIONS = Counter("model_predictions", "Predictions made.", ["model", "version", "source"])
MODEL_VERSION = Gauge("model_version", "The version that serves.", ["model"])
CHALLENGER_VERSION = Gauge("tidemill_challenger_version", "The version on trial; 0 without a trial.", ["model"])
CHALLENGER_SHARE = Gauge("tidemill_challenger_share", "The share of entities that the challenger answers.", ["model"])
ARM_SECONDS = Histogram(
    "tidemill_arm_duration_seconds",
    "Features and scores of one request or batch by one arm of a trial.",
    ["model", "arm", "version"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
ARM_FAILED = Counter("tidemill_arm_failed", "Records for which an arm had no answer.", ["model", "arm", "version"])

MODEL_EPOCH = Gauge("tidemill_model_epoch", "The epoch that serves.", ["model"])
SWAP_SECONDS = Histogram(
    "tidemill_model_swap_seconds",
    "From a version's event to serving it.",
    ["model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
REFUSED = Counter(
    "tidemill_model_refused_total", "Published versions that were refused as unfit to serve.", ["model", "reason"]
)
REFUSED_EPOCH = Gauge(
    "tidemill_model_refused_epoch",
    "The newest epoch above the one that serves that was refused for this reason; 0 where there is none.",
    ["model", "reason"],
)
POSTPONED = Counter(
    "tidemill_model_load_postponed_total", "Loads put off because the artifact store is away or slow.", ["model"]
)
PENDING_SECONDS = Gauge(
    "tidemill_model_pending_seconds",
    "For how long a published version has been waiting to serve and is not refused; 0 where none is.",
    ["model"],
)
UNDECODABLE = Counter("tidemill_clean_undecodable", "Clean records that are not records of their schema.", ["model"])
LOG_QUEUED = Gauge("tidemill_prediction_log_queued", "REST predictions that wait to be logged.")
LOG_LOST = Counter("tidemill_prediction_log_lost", "REST predictions that were not logged.", ["model", "reason"])
LOG_WRITTEN = Counter("tidemill_prediction_log_written", "REST predictions that the broker has stored.", ["model"])
MODELS_LOADED = Gauge("tidemill_models_loaded", "Models in memory, where TIDEMILL_MODEL_MEMORY_MB limits them.")
MODELS_LOADED_BYTES = Gauge("tidemill_models_loaded_bytes", "What they cost, by which the limit is kept, in bytes.")
MODELS_OVER_LIMIT = Counter("tidemill_models_over_limit", "Loads of a model that is above the limit alone.", ["model"])
MODELS_LET_GO = Counter("tidemill_models_let_go", "Models let go for others, the least recently used.", ["model"])
LOADS_WHEN_WANTED = Counter(
    "tidemill_model_loads_when_wanted", "Loads of a model that was asked: loaded, failed.", ["model", "outcome"]
)
LOAD_WHEN_WANTED_SECONDS = Histogram(
    "tidemill_model_load_when_wanted_seconds",
    "How long who asked first waited for the model.",
    ["model"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
REFUSED_BUSY = Counter("tidemill_requests_refused_busy", "Large requests refused: too many wait.", ["model"])

CACHE = Counter("tidemill_score_cache", "Instances asked of the cache: hit, miss, away.", ["model", "outcome"])
BREAKER_OPEN = Gauge("tidemill_breaker_open", "1 while a helper that is away is left alone.", ["helper"])
EXPECTATIONS = Counter(
    "tidemill_rest_expectation_failures",
    "REST instances that did not meet an expectation which is no reason to refuse them.",
    ["model", "expectation", "column", "severity"],
)


def predicted(predictions: Predictions, source: str, seconds: float) -> None:
    """Count the predictions of one call."""
    model = predictions.serving.event.model
    if predictions.both is None:
        observe, count = of_version(model, predictions.serving.version, source)
        observe(seconds)
        count(len(predictions.scores))
        return
    PREDICTION_SECONDS.labels(model, source).observe(seconds)
    for version, rows in Counted(predictions.versions).items():
        PREDICTIONS.labels(model, str(version), source).inc(rows)


@lru_cache(maxsize=256)
def of_version(model: str, version: int, source: str) -> tuple[Callable[[float], None], Callable[[float], None]]:
    """What takes the seconds, and what the rows, of a call that one version answered.

    A look-up of labels costs as much as all the rest.
    """
    return PREDICTION_SECONDS.labels(model, source).observe, PREDICTIONS.labels(model, str(version), source).inc


def tried(predictions: Predictions) -> None:
    """Count what both arms of a trial did in one call, once it is complete."""
    both, model = predictions.both, predictions.serving.event.model
    if both is None:
        return
    for name, arm in (("champion", both.champion), ("challenger", both.challenger)):
        ARM_SECONDS.labels(model, name, str(arm.version)).observe(arm.seconds)
        ARM_FAILED.labels(model, name, str(arm.version)).inc(int((arm.asked & ~arm.answered).sum()))


VERSIONS = OfVersions(PREDICTIONS, ARM_SECONDS, ARM_FAILED, forgotten=of_version.cache_clear)
"""What is counted by version, of those alone that served or were tried last."""
