"""`tidemill models`: the versions of each model, and which one serves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform import platform_options

if TYPE_CHECKING:
    from tidemill_cli.platform import PlatformView

SHORT = 12


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def models(platform: PlatformView, name: str | None, as_json: bool) -> None:
    """Versions of each model (or of NAME): what serves since when, why it was made, how good it was, its
    digest.

    \b
    tidemill models
    tidemill models flight-delay --json
    """
    from rich.table import Table

    from tidemill_cli.terminal import console

    names = [platform.model(name).name] if name else sorted(platform.models)
    rows = [row for model in names for row in _versions(platform, model)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("model", "version", "state", "epoch", "cause", "metrics", "digest", box=None, pad_edge=False)
    for row in rows:
        metrics = ", ".join(f"{key} {value:.4f}" for key, value in sorted(row["metrics"].items())) or "-"
        epoch = "" if row["epoch"] is None else str(row["epoch"])
        digest = (row["digest"] or "")[:SHORT]
        table.add_row(row["model"], str(row["version"]), row["state"], epoch, row["cause"], metrics, digest)
    for model in names:
        if not any(row["model"] == model for row in rows):
            table.add_row(model, "-", "no version yet", "", "", "", "")
    console().print(table)


def _versions(platform: PlatformView, model: str) -> list[dict[str, Any]]:
    from tidemill_cli.feed import read_all

    serving = read_all(platform, "model_versions", model)
    now = max((item.datum for item in serving), key=lambda datum: datum["epoch"], default=None)
    epochs: dict[int, int] = {}
    for release in read_all(platform, "model_releases", model):
        published = release.datum["published"]
        epochs[published["champion"]["version"]] = published["epoch"]
    rows = []
    for run in read_all(platform, "retrain_runs", model):
        datum = run.datum
        if datum["version"] is not None and datum["state"] in ("finished", "failed", "refused"):
            rows.append(_row(datum, now, epochs))
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
        "cause": run["cause"],
        "metrics": run["metrics"],
        "digest": artifact.get("manifest_digest"),
        "artifact": artifact.get("artifact_uri"),
        "tracking_run": artifact.get("tracking_run"),
    }
