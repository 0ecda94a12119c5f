"""`tidemill models`: the versions of each model, and which one serves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

SHORT = 12
FIRST = ("roc_auc", "accuracy", "log_loss", "rmse", "mae")


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def models(platform: PlatformView, name: str | None, as_json: bool) -> None:
    """Versions of each model: what serves since when, why it was made, how good it was. Of NAME all metrics, the digest
    and the place of the artifact too.

    \b
    tidemill models
    tidemill models flight-delay --json
    """
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console

    names = [platform.model(name).name] if name else sorted(platform.models)
    rows = [row for model in names for row in _versions(platform, model)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    screen = console()
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "version", "state", "since (UTC)", "cause", "score"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(row["model"], str(row["version"]), row["state"], _minute(row["at"]), row["cause"], _score(row))
    for model in names:
        if not any(row["model"] == model for row in rows):
            table.add_row(model, "-", "no version yet", "", "", "")
    screen.print(table, markup=False)
    for row in rows if name else []:
        for line in _details(row):
            screen.print(line, markup=False, highlight=False, soft_wrap=True)


def _minute(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M")


def _score(row: dict[str, Any]) -> str:
    """The metric that the gate looks at, or the first by name."""
    metrics = row["metrics"]
    name = next((name for name in FIRST if name in metrics), min(metrics, default=None))
    return "-" if name is None else f"{name} {metrics[name]:.4f}"


def _details(row: dict[str, Any]) -> list[str]:
    found = dict(row["metrics"])
    threshold = found.pop("threshold", None)
    metrics = ", ".join(f"{key} {value:.4f}" for key, value in sorted(found.items())) or "no metrics"
    epoch = "" if row["epoch"] is None else f", epoch {row['epoch']}"
    return [
        "",
        f"version {row['version']}{epoch}: {metrics}",
        *([] if not row["mixture"] else [f"  a mixture of {_shares(row['mixture'])}"]),
        *([] if threshold is None else [f"  says true from a probability of {threshold:.4f} on"]),
        f"  digest {(row['digest'] or 'none')[:SHORT]}, artifact {row['artifact'] or 'none'}",
        f"  MLflow run {row['tracking_run'] or 'none'}",
    ]


def _shares(mixture: list[dict[str, Any]]) -> str:
    from tidemill.artifact import told_mixture

    return told_mixture([(one["version"], one["weight"]) for one in mixture])


def _versions(platform: PlatformView, model: str) -> list[dict[str, Any]]:
    from tidemill_operations.feed import read_all

    serving = read_all(platform, "model_versions", model)
    now = max((item.datum for item in serving), key=lambda datum: datum["epoch"], default=None)
    epochs: dict[int, int] = {}
    since: dict[int, int] = {}
    for release in read_all(platform, "model_releases", model):
        published = release.datum["published"]
        epochs[published["champion"]["version"]] = published["epoch"]
        since.setdefault(published["epoch"], release.at_ms)
    rows = []
    for run in read_all(platform, "retrain_runs", model):
        datum = run.datum
        if datum["version"] is not None and datum["state"] in ("finished", "failed", "refused"):
            rows.append(_row(datum, now, epochs) | {"made_at": run.at_ms})
    for row in rows:
        row["at"] = since.get(row["epoch"], row["made_at"])
    return rows


def _row(run: dict[str, Any], now: dict[str, Any] | None, epochs: dict[int, int]) -> dict[str, Any]:
    version, artifact = run["version"], run["artifact"] or {}
    serves = now is not None and now["champion"]["version"] == version
    trial = now is not None and now["challenger"] is not None and now["challenger"]["version"] == version
    state = "serving" if serves else "on trial" if trial else "served before" if version in epochs else run["state"]
    return {
        "model": run["model"],
        "version": version,
        "state": state,
        "epoch": now["epoch"] if (serves or trial) and now else epochs.get(version),
        "cause": "mixture" if run.get("mixture") else run["cause"],
        "mixture": run.get("mixture"),
        "metrics": run["metrics"],
        "digest": artifact.get("manifest_digest"),
        "artifact": artifact.get("artifact_uri"),
        "tracking_run": artifact.get("tracking_run"),
    }
