"""`tidemill status`: what runs, what lags, what serves, what drifted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tidemill.web.tls.asking import fetch
from tidemill_cli.platform_options import platform_options
from tidemill_cli.rendering.progress import spinner
from tidemill_operations.project.follows import lives
from tidemill_operations.standing import governor
from tidemill_operations.standing.first_version import until_the_first
from tidemill_operations.standing.groups import PROFILE
from tidemill_operations.standing.model_files import read_model_files
from tidemill_operations.standing.pauses import read_pauses
from tidemill_operations.standing.tombstones import tombstones
from tidemill_operations.standing.watchable import read_too_few

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.standing.pauses import Pause

PROBE_S = 1.0
OK = 200
BACK_MS = 7 * 24 * 3_600_000


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def status(platform: PlatformView, as_json: bool) -> None:
    """What runs, what lags, what serves, what drifted lately, what was set aside, what is paused, what has too few rows
    to be watched, what is missing until a first version, and which requests for a new version were refused, and why.

    Processes are known only for a platform that runs on this machine (`tidemill up`).
    """
    with spinner("asking the platform"):
        files = read_model_files(platform)
        platform.go_without_models()
        found, pauses, uneven = _found(platform)
    found["model_files"] = files.facts()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show(found)
        for line in files.lines():
            click.secho(line, fg="red")
        for line in filter(None, map(until_the_first, found["models"])):
            click.echo(line)
        for line in filter(None, map(_unsettled, found["models"])):
            click.secho(line, fg="yellow")
        for model in found["models"]:
            for told in model["too_few"]:
                click.secho(f"{model['model']}: {told}", fg="yellow")
            for told in governor.told(model):
                click.secho(told, fg="yellow")
        for pause in pauses:
            click.secho(pause.line(), fg="red")
        for problem in filter(None, uneven.values()):
            click.secho(f"what has no topic or no room waits: {problem}", fg="red")


def _found(platform: PlatformView) -> tuple[dict[str, Any], list[Pause], dict[str, str | None]]:
    """All that is known, which topics are paused, and which models lack topics or partitions."""
    pauses = read_pauses(platform)
    aside = tombstones(platform.facts)
    uneven, budget = _uneven(platform), governor.fits_left(platform.facts)
    found = {
        "broker": platform.facts.get("broker", {"bootstrap": platform.settings.kafka_bootstrap}),
        "processes": _processes(platform.facts),
        "groups": _groups(platform),
        "models": [
            {
                **_model(platform, name, budget),
                "tombstones": aside.get(name, 0),
                "paused": [pause.facts() for pause in pauses if pause.model == name],
                "partitions": uneven[name],
                "too_few": [] if uneven[name] else read_too_few(platform, platform.models[name]),
            }
            for name in sorted(platform.models)
        ],
    }
    return found, pauses, uneven


def _uneven(platform: PlatformView) -> dict[str, str | None]:
    """By model, which of its topics are missing or have other partition counts, and what to type."""
    from tidemill.kafka.partitions.growth import lacking, unequal
    from tidemill_operations.standing.lag import Offsets

    names = {name: platform.topics.model_topics(name) for name in platform.models}
    present = Offsets(platform.settings).partitions([topic for topics in names.values() for topic in topics.values()])
    wrong = {name: [told(platform.topics, name, present) for told in (lacking, unequal)] for name in names}
    return {name: "; ".join(filter(None, told)) or None for name, told in wrong.items()}


def _processes(facts: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, process in facts.get("processes", {}).items():
        pid, url = process.get("pid"), process.get("url")
        state = _state(pid, url, process.get("certificate"))
        rows.append({"name": name, "pid": pid, "url": url, "state": state})
    return rows


def _state(pid: int | None, url: str | None, certificate: str | None) -> str:
    if not lives(pid):
        return "down"
    if url is None:
        return "up"

    def answers(path: str) -> bool:
        return fetch(url + path, certificate, PROBE_S)[0] == OK

    if answers("/health/ready") or answers("/health"):
        return "ready"
    return "live, not ready" if answers("/health/live") else "up, does not answer"


def _groups(platform: PlatformView) -> list[dict[str, Any]]:
    from tidemill_operations.standing.lag import Offsets
    from tidemill_operations.standing.made_anew import MadeAnew

    offsets = Offsets(platform.settings)
    rows = []
    for group in offsets.groups(platform.settings.prefix):
        places = offsets.places(group)
        anew = MadeAnew.of(offsets, places)
        ends = offsets.ends(sorted({topic for topic, _ in places}))
        stands = {**dict.fromkeys(places, 0), **anew.done}
        lag = sum(max(0, ends[at] - offset) for at, offset in stands.items() if at in ends)
        removed = sum(offsets.removed(group).values())
        rows.append({"group": group, "lag": lag, "removed_unread": removed, "made_anew": sorted(anew.ids)})
    return rows


def _model(platform: PlatformView, name: str, budget: dict[str, tuple[int, bool]]) -> dict[str, Any]:
    from tidemill_operations.dead_letters.counting import open_about
    from tidemill_operations.feed import read_all
    from tidemill_operations.standing.label_counts import labels_met
    from tidemill_operations.standing.lag import Offsets

    since = int(datetime.now(tz=UTC).timestamp() * 1000) - BACK_MS
    serving = max((n.datum for n in read_all(platform, "model_versions", name)), key=lambda d: d["epoch"], default=None)
    runs = read_all(platform, "retrain_runs", name)
    requests, lately = read_all(platform, "retrain_requests", name, since), [n for n in runs if n.at_ms >= since]
    drift = read_all(platform, "drift_events", name, since)
    performance = read_all(platform, "model_performance", name, since)
    of_stream = [news for news in performance if news.datum["source"] != "rest"]
    offsets = Offsets(platform.settings)
    names = platform.topics.model_topics(name)
    letters = [open_about(platform.settings, offsets, names[role]) for role in ("raw_dlq", "labels_raw_dlq")]
    met = labels_met(platform, name)
    return {
        "model": name,
        "version": serving["champion"]["version"] if serving else None,
        "epoch": serving["epoch"] if serving else None,
        "run": _run(runs[-1].datum, runs[-1].at_ms) if runs else None,
        "last_drift": drift[-1].datum["detail"] if drift else None,
        "last_drift_at": _moment(drift[-1].at_ms) if drift else None,
        "metrics": (of_stream or performance)[-1].datum["metrics"] if performance else {},
        "dead_letters_about": sum(letter.count for letter in letters),
        "dead_letters_exact": all(letter.exact for letter in letters),
        "governor": governor.governed(platform.models[name], requests, lately, budget).facts(),
        "labels": met.labels,
        "first_after": platform.models[name].training.first_after,
        "labels_without_event": met.orphans,
        "labels_without_event_newest": list(met.newest),
    }


def _run(run: dict[str, Any], at_ms: int) -> dict[str, Any]:
    """What became of the newest retrain request, as far as it is."""
    told = {name: run[name] for name in ("run_id", "cause", "state", "reason", "version")} | {"at": _moment(at_ms)}
    return told | ({"cause": "mixture"} if run.get("mixture") else {})


def _unsettled(model: dict[str, Any]) -> str:
    """What to know of the newest run of a model: that it waits, has failed or came to nothing. Else an empty text."""
    run = model["run"]
    waits = run is not None and run["state"] == "started" and not run["reason"].startswith("attempt ")
    made_none = run is not None and run["state"] in ("failed", "finished") and run["version"] is None
    return f"{model['model']}: run ({run['cause']}) {run['state']}: {run['reason']}" if waits or made_none else ""


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="seconds")


def _show(found: dict[str, Any]) -> None:
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console as make_console

    console = make_console()
    broker = found["broker"]
    console.print(f"{broker.get('name', 'Kafka')} at {broker['bootstrap']}", highlight=False)
    if found["processes"]:
        table = Table("process", "pid", "state", "address", box=None, pad_edge=False)
        for row in found["processes"]:
            colour = {"ready": "green", "up": "green", "down": "red"}.get(row["state"], "yellow")
            table.add_row(row["name"], str(row["pid"] or "-"), f"[{colour}]{row['state']}[/]", row["url"] or "")
        console.print(table)
    groups = Table("group", "behind by", box=None, pad_edge=False)
    for row in found["groups"]:
        open_windows = ", held by its open windows" if PROFILE in row["group"] and row["lag"] else ""
        lost = f"; {row['removed_unread']:,} were removed unread" if row["removed_unread"] else ""
        anew = f"; made anew since it began: {', '.join(row['made_anew'])}" if row["made_anew"] else ""
        groups.add_row(row["group"], f"{row['lag']:,} records{open_windows}{lost}{anew}")
    console.print(groups, markup=False)
    models = Table("model", "version", "epoch", "score", "open dead letters", "last drift", box=None, pad_edge=False)
    for row in found["models"]:
        score = ", ".join(f"{key} {value:.3f}" for key, value in sorted(row["metrics"].items())[:3])
        drift = f"{row['last_drift_at']}: {row['last_drift']}" if row["last_drift"] else "none"
        version = "none yet" if row["version"] is None else str(row["version"])
        epoch = "" if row["epoch"] is None else str(row["epoch"])
        about = "" if row["dead_letters_exact"] else "at most "
        models.add_row(row["model"], version, epoch, score or "-", f"{about}{row['dead_letters_about']:,}", drift)
    console.print(models, markup=False)
    for row in found["models"]:
        if row["labels_without_event"]:
            told = (
                f"{row['model']}: {row['labels_without_event']:,} of {row['labels']:,} labels are about no event that"
            )
            console.print(
                f"{told} came where they did: tidemill quality {row['model']} says where they stand", highlight=False
            )
        if row["tombstones"]:
            told = f"{row['model']}: {row['tombstones']:,} tombstones or deleted rows since the validator started"
            console.print(f"{told}: among the dead letters, and nothing is wrong with them", highlight=False)
