"""`tidemill release`: what is on trial, and what people decide about it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform_options import platform_options
from tidemill_cli.rendering.progress import spinner
from tidemill_operations.person import who

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidemill_operations.platform import PlatformView

POLL_S = 0.1
NEWEST = 5

DONE = {
    "approved": "approved: it goes on as the gate allows",
    "promoted": "promoted",
    "rejected": "rejected",
    "rolled_back": "rolled back",
    "refused": "refused",
}


@click.group()
def release() -> None:
    """Versions on their way to serving: see, approve, promote, reject, roll back.

    \b
    tidemill release status
    tidemill release approve flight-delay --reason "looked at the first thousand"
    tidemill release rollback flight-delay --version 3 --reason "too many false alarms"

    Commands go to the trainer's release part, which alone changes what serves; who gave them stands in the audit log.
    """


@release.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every change of the past.")
@platform_options
def status(platform: PlatformView, model: str | None, as_json: bool) -> None:
    """What serves, what is on trial with which share, and the newest changes with their reasons."""
    from tidemill_operations.feed import read_all

    names = [platform.model(model).name] if model else sorted(platform.models)
    told = []
    for name in names:
        versions = [item.datum for item in read_all(platform, "model_versions", name)]
        releases = [item.datum for item in read_all(platform, "model_releases", name)]
        now = max(versions, key=lambda datum: int(datum["epoch"]), default=None)
        if as_json:
            told.append({"model": name, "serving": now, "releases": releases})
            continue
        click.echo(f"{name}: {_now(now)}")
        for line in map(_line, releases[-NEWEST:]):
            click.echo(f"  {line}")
    if as_json:
        click.echo(json.dumps(told, indent=2, default=str))


def _command(action: str, text: str, needs_version: bool = False) -> Callable[..., Any]:
    @release.command(name=action, help=text)
    @click.argument("model")
    @click.option("--version", type=click.IntRange(min=1), required=needs_version, help="The version that is meant.")
    @click.option("--reason", required=True, help="Why: kept with the release for ever.")
    @click.option(
        "--timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True, metavar="SECONDS",
        help="Longest wait for the answer.",
    )  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="The release that it led to, as JSON.")
    @platform_options
    def run(
        platform: PlatformView, model: str, version: int | None, reason: str, timeout: float, as_json: bool
    ) -> None:
        _conclude(_commanded(platform, platform.model(model).name, action, version, reason, timeout), as_json)

    return run


approve = _command("approve", "Let the challenger of MODEL, which waits for a person, go on; or a first version serve.")
promote = _command("promote", "Make the challenger of MODEL, or the version that is named, champion at once.")
reject = _command("reject", "End the trial of MODEL: the champion answers alone.")
rollback = _command("rollback", "Go back to the version before, or to the one that is named; ends a trial.")


def _commanded(
    platform: PlatformView, model: str, action: str, version: int | None, reason: str, timeout: float
) -> dict[str, Any]:
    """Send a command and wait for the release that it leads to. Raises click.ClickException where none comes."""
    from tidemill.ids import deterministic_id, uuid7
    from tidemill.kafka.client.publisher import Publisher
    from tidemill_operations.feed import Feed

    feed = Feed(platform.settings, platform.topics, platform.schemas, platform.codec, ["model_releases"])
    command = {
        "command_id": uuid7(),
        "model": model,
        "action": action,
        "version": version,
        "by": who(),
        "reason": reason,
        "at": time.time_ns() // 1_000_000,
    }
    value = platform.codec.encode_one(command, platform.schemas.platform("release-command"))
    with Publisher(platform.settings, name="tidemill-cli") as publisher:
        publisher.publish(platform.topics.name("release_commands"), value, key=model.encode())
    wanted = deterministic_id("release", "command", str(command["command_id"]))
    deadline = time.monotonic() + timeout
    try:
        with spinner("waiting for the trainer's release part"):
            while time.monotonic() < deadline:
                for item in feed.poll(POLL_S):
                    if item.datum.get("release_id") == wanted:
                        return item.datum
    finally:
        feed.close()
    raise click.ClickException(f"no answer within {timeout:.0f} s: does the trainer run? See `tidemill status`")


def _conclude(found: dict[str, Any], as_json: bool) -> None:
    action, published = found["action"], found["published"]
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
        raise SystemExit(1 if action == "refused" else 0)
    if action == "refused":
        click.echo(f"refused: {found['reason']}")
        raise SystemExit(1)
    click.echo(f"{DONE.get(action, action)}. {_now(published)}")


def _now(published: dict[str, Any] | None) -> str:
    """What serves, in one sentence."""
    if published is None:
        return "nothing serves yet"
    champion, challenger = published["champion"]["version"], published["challenger"]
    if challenger is None:
        return f"version {champion} serves at epoch {published['epoch']}"
    share = f"{published['challenger_share']:.0%}"
    return (
        f"version {champion} serves at epoch {published['epoch']}; version {challenger['version']} is on trial "
        f"({published['mode']}), and answers {share} of the entities"
    )


def _line(found: dict[str, Any]) -> str:
    published = found["published"]
    challenger = published["challenger"]
    arms = f"{published['champion']['version']}" + (f" against {challenger['version']}" if challenger else "")
    return f"epoch {published['epoch']}: {found['action']} by {found['by']}, version {arms}: {found['reason']}"
