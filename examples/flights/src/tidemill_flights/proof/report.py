"""The end of the demo: the summary as data, and as a table for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tidemill_flights.chaos.kills import Kill
from tidemill_flights.feed.rest_clients import IngestState, RestState
from tidemill_flights.live import LiveState
from tidemill_flights.memory import MemoryWatch
from tidemill_flights.proof.audit import Audit
from tidemill_flights.proof.scoring import Comparison
from tidemill_flights.proof.summary import Verdict, swaps, version_rows

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_WANTED = 120
MEMORY_WANTED_MB = 3_000


def summarise(
    verdict: Verdict, live: LiveState, audit: Audit, rest: RestState, ingest: IngestState,
    comparison: Comparison | None,
    metric: str, seconds: float, memory: MemoryWatch, broker: dict[str, str], kills: list[Kill],
) -> dict[str, Any]:  # fmt: skip
    """The content of `summary.json`."""
    total = audit.total
    made = audit.predictions
    return {
        "closed": verdict.closed,
        "pushed": audit.pushed,
        "clean": audit.clean,
        "dead": audit.dead,
        "predictions": int(made.stream.sum()),
        "missing": total.missing,
        "duplicated": total.duplicated,
        "versions": version_rows(live, metric),
        "drift_events": len(live.of("drift_events")),
        "retrain_runs": len({run["run_id"] for run in live.of("retrain_runs") if run["state"] != "refused"}),
        "swaps": swaps(live, audit),
        "rest": {
            "requests": rest.requests,
            "errors": rest.errors,
            "p50_ms": rest.percentile(50),
            "p99_ms": rest.percentile(99),
            "retries": rest.retries,
            "logged": int((~made.stream).sum()),
            "by_version": {str(version): count for version, count in sorted(rest.versions.items())},
        },
        "score": _score(comparison, metric),
        "seconds": round(seconds, 1),
        "peak_rss_mb": round(memory.peak_mb),
        "broker": broker,
        "failures": [f"{condition.text}: {condition.found}" for condition in verdict.failures],
        "labels": audit.labels,
        "dead_reasons": dict(audit.dead_reasons.most_common()),
        "checks": {name: asdict(tally) for name, tally in audit.tallies.items()},
        "drift": drift_rows(live),
        "runs": run_rows(live),
        "ingest": {"accepted": ingest.accepted, "repeats": ingest.repeats, "refused": ingest.refused},
        "memory_mb": {name: round(weight) for name, weight in sorted(memory.at_peak.items())},
        "memory_peaks_mb": {name: round(weight) for name, weight in sorted(memory.peaks.items())},
        "kills": [asdict(kill) | {"bitten": kill.bitten} for kill in kills],
    }


def _score(comparison: Comparison | None, metric: str) -> dict[str, Any]:
    found: dict[str, Any] = {"metric": metric, "before": None, "after": None, "rows": 0, "versions": None}
    if comparison is not None:
        for name, value in (("before", comparison.before), ("after", comparison.after)):
            found[name] = None if value is None else round(value, 4)
        found |= {"rows": comparison.rows, "versions": list(comparison.versions)}
    return found


def drift_rows(live: LiveState) -> list[dict[str, Any]]:
    """What was found, in short."""
    keys = ("kind", "detector", "subject", "version", "statistic", "threshold", "ended_at")
    return [{key: event[key] for key in keys} for event in live.of("drift_events")]


def run_rows(live: LiveState) -> list[dict[str, Any]]:
    """What became of each run, in short."""
    keys = ("run_id", "cause", "state", "reason", "version", "at")
    return [{key: run[key] for key in keys} for run in live.of("retrain_runs")]


def show(console: Console, summary: dict[str, Any], verdict: Verdict) -> None:
    """The table that ends the demo, and what failed where something did."""
    from rich.table import Table

    table = Table(
        title="The loop closed" if verdict.closed else "The loop did not close",
        title_justify="left",
        box=None,
    )
    table.add_column(style="bold")
    table.add_column()
    for name, value in _rows(summary):
        table.add_row(name, value)
    console.print(table)
    for condition in verdict.conditions:
        mark = "[green]✓[/]" if condition.holds else "[red]✗[/]"
        console.print(f" {mark} {condition.text} [dim]({condition.found})[/]", highlight=False)


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    score, rest = summary["score"], summary["rest"]
    versions = "; ".join(f"{row['version']} ({row['cause']}, {row['score']})" for row in summary["versions"])
    changes = "; ".join(f"{row['from']} → {row['to']} in {row['ms']} ms" for row in summary["swaps"])
    reasons = ", ".join(f"{name} {count:,}" for name, count in summary["dead_reasons"].items())
    late = " [yellow](wanted: at most 120)[/]" if summary["seconds"] > SECONDS_WANTED else ""
    heavy = " [yellow](wanted: at most 3,000)[/]" if summary["peak_rss_mb"] > MEMORY_WANTED_MB else ""
    return [
        ("events", f"{summary['pushed']:,} pushed = {summary['clean']:,} clean + {summary['dead']:,} dead"),
        ("dead letters", reasons or "none"),
        (
            "predictions",
            f"{summary['predictions']:,} on the stream; REST {rest['requests']:,}, {rest['errors']} errors",
        ),
        ("exactly once", f"{summary['missing']} missing, {summary['duplicated']} duplicated"),
        ("versions", versions or "none"),
        ("drift events", f"{summary['drift_events']}; {summary['retrain_runs']} training runs"),
        ("swaps", changes or "none"),
        ("REST latency", f"p50 {rest['p50_ms']} ms, p99 {rest['p99_ms']} ms"),
        (
            score["metric"],
            f"{score['before']} → {score['after']} on the same {score['rows']:,} rows after the last swap",
        ),
        ("seconds", f"{summary['seconds']}, {summary['audit_seconds']} of them reading back{late}"),
        ("memory", f"{summary['peak_rss_mb']:,} MB at the peak, all processes{heavy}"),
        ("broker", f"{summary['broker']['name']} {summary['broker']['version']}"),
        *(("killed", _kill_line(kill)) for kill in summary["kills"]),
    ]


def _kill_line(kill: dict[str, Any]) -> str:
    bitten = "" if kill["bitten"] else " [red](the kill did not bite)[/]"
    return f"{kill['process']}: {kill['work']}; back in {kill['down_ms']:.0f} ms{bitten}"
