"""HTTP by rate, errors and duration (Wilkie's RED), of ingest and serve."""

from __future__ import annotations

from boards.frame import Board
from boards.panels import Query, number, series
from boards.selectors import CALLERS, HERE, WINDOW, here, quantile

NOW = (
    number(
        "Requests a second",
        "Of callers: health and metrics do not count.",
        "reqps",
        Query(f"sum(rate(http_requests_total{CALLERS}[{WINDOW}]))", "requests"),
        width=6,
    ),
    number(
        "Answered with 500 or above",
        "Of the last five minutes' requests.",
        "percentunit",
        Query(
            f"(sum(rate(http_request_errors_total{CALLERS}[5m])) or vector(0))"
            f" / sum(rate(http_requests_total{CALLERS}[5m]))",
            "failed",
        ),
        alerts=["TidemillErrors"],
        width=6,
    ),
    number(
        "p95",
        "Of the last five minutes' requests.",
        "s",
        Query(quantile(0.95, "job", f"http_request_duration_seconds{CALLERS}", "5m"), "{{job}}"),
        alerts=["TidemillSlow"],
        width=6,
    ),
    number(
        "Refused as too busy",
        "Large requests, within five minutes: too many wait.",
        "short",
        Query(f"sum(increase(tidemill_requests_refused_busy_total{HERE}[5m])) or vector(0)", "refused"),
        above=1,
        width=6,
    ),
)
RATE = (
    series(
        "Requests by path",
        "Templates of paths, as the routes have them.",
        "reqps",
        Query(
            f"sum by (job, method, path) (rate(http_requests_total{CALLERS}[{WINDOW}]))", "{{job}} {{method}} {{path}}"
        ),
        stacked=True,
    ),
    series(
        "Records that ingest took",
        "Accepted (acknowledged by Kafka), refused (no record), unstored (no answer from Kafka).",
        "ops",
        Query(f"sum by (role, outcome) (rate(tidemill_ingest_records_total{HERE}[{WINDOW}]))", "{{role}} {{outcome}}"),
    ),
    series(
        "Predictions answered",
        "Rows; a request may have many.",
        "ops",
        Query(
            f"sum by (model, version) (rate(model_predictions_total{here(source='rest')}[{WINDOW}]))",
            "{{model}}:{{version}}",
        ),
        stacked=True,
    ),
)
ERRORS = (
    series(
        "Share of errors",
        "Answered with 500 or above, which is ours to mend; over five minutes.",
        "percentunit",
        Query(
            f"sum by (job) (rate(http_request_errors_total{CALLERS}[5m]))"
            f" / sum by (job) (rate(http_requests_total{CALLERS}[5m]))",
            "{{job}}",
        ),
        alerts=["TidemillErrors"],
    ),
    series(
        "Errors by path and status",
        "Within five minutes.",
        "short",
        Query(
            f"sum by (job, path, status) (increase(http_request_errors_total{HERE}[5m]))", "{{job}} {{path}} {{status}}"
        ),
    ),
    series(
        "Refusals by path and status",
        "Answered with 400 to 499, which is theirs to mend.",
        "reqps",
        Query(
            f"sum by (job, path, status) (rate(http_request_refusals_total{HERE}[{WINDOW}]))",
            "{{job}} {{path}} {{status}}",
        ),
        Query(
            f"sum by (job, reason) (rate(tidemill_access_refused_total{HERE}[{WINDOW}]))",
            "{{job}} before it was looked at: {{reason}}",
        ),
    ),
    series(
        "Connections closed",
        "By the service, and why.",
        "ops",
        Query(
            f"sum by (job, reason) (rate(tidemill_http_connections_closed_total{HERE}[{WINDOW}]))", "{{job}} {{reason}}"
        ),
    ),
    series(
        "Predictions not logged",
        "Answered, and missing in the log of predictions.",
        "ops",
        Query(f"sum by (model, reason) (rate(tidemill_prediction_log_lost_total{HERE}[5m]))", "{{model}} {{reason}}"),
    ),
    series(
        "Helpers left alone",
        "1 while a helper that is away (Redis) is left alone.",
        "short",
        Query(f"max by (job, helper) (tidemill_breaker_open{HERE})", "{{job}} {{helper}}"),
    ),
)
DURATION = (
    series(
        "From request to answer",
        "Percentiles of each service. Points are single requests that were traced: they lead to their trace.",
        "s",
        *(
            Query(
                quantile(share, "job", f"http_request_duration_seconds{CALLERS}"),
                f"{{{{job}}}} {name}",
                exemplars=share == 0.99,
            )
            for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        ),
        alerts=["TidemillSlow"],
        width=12,
    ),
    series(
        "p99 by path",
        "Over five minutes.",
        "s",
        Query(
            quantile(0.99, "job, path", f"http_request_duration_seconds{CALLERS}", "5m"),
            "{{job}} {{path}}",
        ),
        width=12,
    ),
    series(
        "Where the time of a small request goes",
        "Mean of each stage, of one request in 16 that serve answers the short way.",
        "s",
        Query(
            f"sum by (stage) (rate(tidemill_request_stage_seconds_sum{HERE}[{WINDOW}]))"
            f" / sum by (stage) (rate(tidemill_request_stage_seconds_count{HERE}[{WINDOW}]))",
            "{{stage}}",
        ),
        width=12,
        stacked=True,
    ),
    series(
        "Stages of a small request, p99",
        "Of the same requests: parse, admit, check, score, write.",
        "s",
        Query(quantile(0.99, "stage", f"tidemill_request_stage_seconds{HERE}"), "{{stage}}"),
        width=12,
    ),
    series(
        "Features and scores, p99",
        "Of one request or batch: the model's own part of it.",
        "s",
        Query(quantile(0.99, "model, source", f"model_prediction_duration_seconds{HERE}"), "{{model}} {{source}}"),
    ),
    series(
        "Answers from the cache of scores",
        "Instances that were asked of it: hit, miss, away.",
        "ops",
        Query(f"sum by (model, outcome) (rate(tidemill_score_cache_total{HERE}[{WINDOW}]))", "{{model}} {{outcome}}"),
        stacked=True,
    ),
    series(
        "Waited for a model to be loaded, p99",
        "Where memory is limited, models are loaded when they are asked.",
        "s",
        Query(quantile(0.99, "model", f"tidemill_model_load_when_wanted_seconds{HERE}", "10m"), "{{model}}"),
    ),
)
BOARD = Board(
    "tidemill-api",
    "Tidemill: API",
    "Requests to ingest and serve: how many, how many fail, how long they take.",
    {"Now": NOW, "Rate": RATE, "Errors": ERRORS, "Duration": DURATION},
)
