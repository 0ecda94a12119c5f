"""`tidemill trace`: the path of one event."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from tidemill_operations.platform import PlatformView
    from tidemill_operations.trace.path import Path
    from tidemill_operations.trace.version import VersionTrace

SHORT = 12
SHOWN_OF_A_LIST = 3
INDENT = 25  # below the second column


@click.command()
@click.argument("event_id")
@click.option("--model", metavar="NAME", help="Only this model; all by default.")
@click.option("--since", default="24h", show_default=True, help="How far back to look: 30m, 24h, 7d.")
@click.option("--key", metavar="ENTITY", help="The event's key: then one partition is read instead of all.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def trace(platform: PlatformView, event_id: str, model: str | None, since: str, key: str | None, as_json: bool) -> None:
    """Show the path of one event, by its event id or by the id of a prediction: where it was when, on which
    topic, partition and offset; if it was set aside, why; which version predicted what; and where that
    version comes from, down to its training run and data set. It works for every event, sampled or not.

    \b
    tidemill trace 2013-06-13-DL-61-LGA-1800 --key N665DN
    tidemill trace 0191b2c4-7a31-7cc1-9a55-0c6d8f1f2a10        (a prediction: needs no --since)
    tidemill trace 2013-06-13-DL-61-LGA-1800 --since 7d --json
    """
    from tidemill_cli.rendering.progress import spinner

    with spinner("reading the topics"):
        found = _find(platform, event_id, model, since, key)
    if found is None:
        where = f"the last {since}" + (f", key {key}" if key else "")
        raise click.ClickException(f"nothing is known of {event_id!r} in {where}: try a longer --since")
    versions, spans = _versions(platform, found), _spans(platform, found)
    if as_json:
        content = asdict(found) | {"traces": sorted(found.traces)}
        versions_content = [asdict(version) for version in versions]
        click.echo(json.dumps(content | {"versions": versions_content, "spans": spans}, indent=2))
        return
    from tidemill_cli.rendering.terminal import console

    screen = console()
    _show_path(screen, found)
    for version in versions:
        _show_version(screen, version)
    _show_spans(screen, found, spans)


def _find(platform: PlatformView, event_id: str, model: str | None, since: str, key: str | None) -> Path | None:
    from tidemill.contracts.quantities import milliseconds, parse_duration
    from tidemill_operations.reach import ensure_reachable
    from tidemill_operations.trace.lookup import Lookup
    from tidemill_operations.trace.path import find_path

    try:
        back_ms = milliseconds(parse_duration(since))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    since_ms = time.time_ns() // 1_000_000 - back_ms
    names = [platform.model(model).name] if model else sorted(platform.models)
    ensure_reachable(platform.settings)
    for name in names:
        lookup = Lookup(platform, name)
        if not lookup.exists("raw"):
            continue
        found = find_path(lookup, name, event_id, key, since_ms, platform.models[name].event_id)
        if found is not None:
            return found
    return None


def _versions(platform: PlatformView, path: Path) -> list[VersionTrace]:
    from tidemill_operations.trace.version import version_trace

    return [version_trace(platform, path.model, epoch, version) for epoch, version in sorted(path.epochs.items())]


def _spans(platform: PlatformView, path: Path) -> list[dict[str, Any]]:
    from tidemill_operations.trace.spans import spans_of

    return spans_of(platform.settings.spans_dir, path.traces)


def _show_steps(console: Console, steps: Sequence[tuple[int, str, str, str]]) -> None:
    """Times and positions are what a person copies, so they are never cut; details stand below and fold."""
    from rich.padding import Padding
    from rich.text import Text

    width = max((len(what) for _, what, _, _ in steps), default=0)
    for at_ms, what, place, details in steps:
        console.print(f"{_time(at_ms)}  {what:<{width}}  {place}", highlight=False, markup=False, soft_wrap=True)
        if details:
            console.print(Padding(Text(details, style="dim"), (0, 0, 0, INDENT), expand=False))


def _show_path(console: Console, path: Path) -> None:
    from rich.text import Text

    console.print(Text(path.event_id, style="bold"), f"({path.model}); times are UTC", highlight=False, markup=False)
    _show_steps(console, [(step.at_ms, step.stage, step.place, _facts(step.facts)) for step in path.steps])


def _show_version(console: Console, version: VersionTrace) -> None:
    console.print(f"\n[bold]version {version.version}[/] (epoch {version.epoch})", highlight=False)
    _show_steps(console, [(at_ms, what, place, _facts(facts)) for what, place, at_ms, facts in version.events])
    if version.champion is None:
        return
    champion, data = version.champion, version.champion["data_set"]
    ranges = ", ".join(f"{r['topic']}/{r['partition']}/{r['first']}-{r['last']}" for r in data["offsets"])
    changed = data.get("change_point")
    for name, fact in (
        ("artifact", f"{champion['artifact_uri']} (digest {champion['manifest_digest'][:SHORT]})"),
        ("MLflow", f"run {champion['tracking_run']}" if champion["tracking_run"] else "no run: it was away or is off"),
        ("data set", f"{data['table_uri']}, version {data['table_version']}: {ranges}"),
        *(("erased", one) for one in version.erased),
        *([("change", _change(changed))] if changed else []),
    ):
        console.print(f"  {name:<9} {fact}", highlight=False, markup=False, soft_wrap=True)


def _change(found: dict[str, Any]) -> str:
    sure = f"between {_time(found['earliest'])} and {_time(found['latest'])}"
    return f"answers had become worse at {_time(found['event_time'])} of event time ({sure})"


def _show_spans(console: Console, path: Path, spans: list[dict[str, Any]]) -> None:
    traces = ", ".join(sorted(path.traces)) or "none"
    console.print(f"\ntraces {traces}" + ("" if spans else ": not sampled"), highlight=False)
    for span in spans:
        took = (span["end_ns"] - span["start_ns"]) / 1e6
        console.print(f"  {span['service']}: {span['name']} ({took:.1f} ms)", highlight=False, markup=False)


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(name, value)}" for name, value in facts.items() if value not in (None, "", []))


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN_OF_A_LIST} more" if len(value) > SHOWN_OF_A_LIST else ""
        return "; ".join(str(item) for item in value[:SHOWN_OF_A_LIST]) + more
    if name in ("event_time", "observed_at", "predicted_at"):
        return datetime.fromtimestamp(value / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
