"""`tidemill retrain`: ask for a new version, and wait for what becomes of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform_options import platform_options
from tidemill_cli.rendering.progress import spinner
from tidemill_operations.acts import note_act
from tidemill_operations.person import who

if TYPE_CHECKING:
    from tidemill_operations.feed import Feed
    from tidemill_operations.platform import PlatformView

POLL_S = 0.5
ENDED = {"finished", "failed", "refused"}


@click.command()
@click.argument("model")
@click.option("--reason", required=True, help="Why: kept with the request for ever.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the run has ended.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait.",
)
@click.option("--json", "as_json", is_flag=True, help="How it ended, as JSON on stdout; progress goes to stderr.")
@platform_options
def retrain(platform: PlatformView, model: str, reason: str, wait: bool, timeout: float, as_json: bool) -> None:
    """Ask for a new version of MODEL, and wait for the verdict.

    \b
    tidemill retrain flight-delay --reason "a new airline has come"

    A person waits for no cooldown. One run of a model is under way at a time, and people may ask for
    TIDEMILL_MANUAL_RUNS_A_DAY (24) within 24 h: what is more is refused, and `tidemill status` says so.

    A version is released only if it passes the gate of the model file. Exit code 0 if one was made; 1 if none was
    (the request was refused, the run failed, the gate was not passed, or there was no verdict in time), with the
    reason.
    """
    from tidemill_operations.feed import Feed

    spec = platform.model(model)
    feed = Feed(
        platform.settings,
        platform.topics,
        platform.schemas,
        platform.codec,
        ["retrain_runs", "model_releases"],
    )
    request = retrain_request(spec.name, reason, f"{who()} (tidemill retrain)")
    note_act(platform, "retrain", spec.name, request=request["request_id"], reason=reason)
    send(platform, request)
    click.echo(f"asked: request {request['request_id']}", err=as_json)
    if not wait:
        if as_json:
            click.echo(json.dumps({"request_id": request["request_id"], "model": spec.name, "state": "asked"}))
        return
    run = follow(feed, request["request_id"], timeout, as_json)
    if as_json:
        click.echo(json.dumps(told(run), indent=1))
    else:
        click.echo("\n".join(conclusion(run)))
    if run["version"] is None:
        raise SystemExit(1)


def retrain_request(model: str, reason: str, by: str) -> dict[str, Any]:
    """A RetrainRequest by hand."""
    from tidemill.ids import deterministic_id, uuid7

    now = time.time_ns() // 1_000_000
    request_id = uuid7()
    evidence = {
        "detector": "person", "kind": "manual", "subject": model,
        "statistic": 0.0, "threshold": 0.0, "detail": reason,
    }  # fmt: skip
    return {
        "request_id": request_id,
        "model": model,
        "cause": "manual",
        "evidence": [evidence],
        # Two requests by hand are two wishes: nothing makes the second one a repeat of the first.
        "fingerprint": deterministic_id(model, "manual", request_id),
        "requested_by": by,
        "requested_at": now,
        "event_time": now,
    }


def send(platform: PlatformView, request: dict[str, Any]) -> None:
    """Write a RetrainRequest to its topic. Raises RetryLater without brokers."""
    from tidemill.kafka.client.publisher import Publisher

    publisher = Publisher(platform.settings, name="tidemill-cli")
    value = platform.codec.encode_one(request, platform.schemas.platform("retrain-request"))
    publisher.publish(platform.topics.name("retrain_requests"), value, key=request["model"].encode())
    publisher.close()


def follow(feed: Feed, request_id: str, timeout: float, quietly: bool = False) -> dict[str, Any]:
    """The last event of the request's run. Raises click.ClickException where none ends it in time."""
    deadline = time.monotonic() + timeout
    with spinner("waiting for the trainer") as waiting:
        while time.monotonic() < deadline:
            for item in feed.poll(POLL_S):
                run = item.datum
                if item.role != "retrain_runs" or run["request_id"] != request_id:
                    continue
                line = f"{run['state']}" + (f": {run['reason']}" if run["reason"] else "")
                with waiting.aside():
                    click.echo(line, err=quietly)
                if run["state"] in ENDED:
                    return run
                waiting.update(f"training {line}")
    raise click.ClickException(f"no verdict within {timeout:.0f} s: does the trainer run? See `tidemill status`")


def told(run: dict[str, Any]) -> dict[str, Any]:
    """What is said of a run in JSON."""
    names = ("request_id", "run_id", "model", "state", "reason", "version", "gate", "metrics")
    return {name: run[name] for name in names}


def conclusion(run: dict[str, Any]) -> list[str]:
    """What is said of a run that has ended: each rule of the gate, and the version with its metrics if there is one."""
    rules = [
        f"  gate: {entry['subject']} {entry['statistic']:.5g} against {entry['threshold']:.5g}. {entry['detail']}"
        for entry in run["gate"]
    ]
    metrics = ", ".join(f"{name} {value:.5g}" for name, value in sorted(run["metrics"].items()))
    made = f"version {run['version']}" if run["version"] is not None else "no version was made"
    return [*rules, made + (f": {metrics}" if metrics else "")]
