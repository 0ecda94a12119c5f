"""The promise: 99.9 % of requests are not answered with 500 or above, over 30 days; what is left, how fast it goes.

All of it is of rules that record (deploy/prometheus/rules/slo.yml), so that a month is a look and no work.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries

from boards.frame import Board
from boards.panels import Query, number, series
from boards.selectors import HERE

PROMISED = 0.999
NOW = (
    number(
        "Error budget that is left",
        "Of 30 days; below 0 the promise is broken.",
        "percentunit",
        Query(f"min by (namespace, job) (tidemill:slo_budget_left:ratio30d{HERE})", "{{namespace}} {{job}}"),
        below=0,
        width=8,
    ),
    number(
        "Kept over 30 days",
        f"Requests that were not answered with 500 or above; promised are {PROMISED:.1%}.",
        "percentunit",
        Query(
            f"1 - {1 - PROMISED:.3f} * (1 - min by (namespace, job) (tidemill:slo_budget_left:ratio30d{HERE}))",
            "{{namespace}} {{job}}",
        ),
        below=PROMISED,
        width=8,
    ),
    number(
        "Budget that an hour like this one takes",
        "Of the budget of 30 days.",
        "percentunit",
        Query(
            f"max by (namespace, job) (tidemill:slo_errors:ratio_rate1h{HERE}) / {1 - PROMISED:.3f} / (30 * 24)",
            "{{namespace}} {{job}}",
        ),
        width=8,
    ),
)
HISTORY = (
    series(
        "Error budget that is left",
        "Of 30 days. It comes back as bad days fall out of them.",
        "percentunit",
        Query(f"min by (namespace, job) (tidemill:slo_budget_left:ratio30d{HERE})", "{{namespace}} {{job}}"),
        width=24,
    ),
)


def burning(title: str, long: str, short: str, alert: str) -> Timeseries:
    """Errors over a long window, for it to matter, and a short one, for the alert to end when the fault does."""
    return series(
        title,
        f"Share of errors over {long} and over {short}: both above the line wake or tell somebody.",
        "percentunit",
        *(
            Query(
                f"max by (namespace, job) (tidemill:slo_errors:ratio_rate{window}{HERE})",
                f"{{{{namespace}}}} {{{{job}}}} {window}",
            )
            for window in (long, short)
        ),
        alerts=[alert],
    )


BURNING = (
    burning("Gone in two days", "1h", "5m", "TidemillBudgetBurnsFast"),
    burning("Gone in five days", "6h", "30m", "TidemillBudgetBurns"),
    burning("Gone in a month", "3d", "6h", "TidemillBudgetBurnsSlowly"),
)
TRAFFIC = (
    series(
        "Requests",
        "That the promise is about: callers', without health and metrics.",
        "reqps",
        Query(f"sum by (namespace, job) (tidemill:slo_requests:rate5m{HERE})", "{{namespace}} {{job}}"),
        width=12,
    ),
    series(
        "Errors",
        "Answered with 500 or above.",
        "reqps",
        Query(f"sum by (namespace, job) (tidemill:slo_errors:rate5m{HERE})", "{{namespace}} {{job}}"),
        width=12,
    ),
)
BOARD = Board(
    "tidemill-slo",
    "Tidemill: promise and error budget",
    "99.9 % of requests to ingest and serve, over 30 days.",
    {"Now": NOW, "Burning": BURNING, "30 days": HISTORY, "Requests": TRAFFIC},
    span="now-3d",
    refresh="1m",
)
