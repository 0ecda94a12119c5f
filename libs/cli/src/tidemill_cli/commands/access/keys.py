"""`tidemill keys`: who may ask the HTTP interfaces, and what administrators have done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_operations.acts import audit_engine
from tidemill_operations.person import who

if TYPE_CHECKING:
    from tidemill.access.credentials.keys import KeyRecord
    from tidemill.access.storage.store import Issued, KeyStore
    from tidemill_operations.platform import PlatformView


class ScopeType(click.ParamType):
    """A scope as it is written; of one model alone as `predict:flight-delay`."""

    name = "SCOPE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from tidemill.access.credentials.callers import scope_named

        try:
            return scope_named(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def keys() -> None:
    """Keys of the HTTP interfaces. Only their hashes are stored: a key is shown once, when it is made.

    \b
    tidemill keys create "web shop" --scope predict --rate 100/second
    tidemill keys create "airline" --scope ingest:flight-delay --scope predict:flight-delay
    tidemill keys rotate 3f2a9c01d4e7 --grace 1h
    tidemill keys revoke 3f2a9c01d4e7 --reason "laptop stolen"

    Services know of a change within seconds (TIDEMILL_KEYS_REFRESH_S). Every change is in the audit log.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=ScopeType(),
    help="ingest, predict, admin (both, of every model); ingest:MODEL, predict:MODEL. Repeatable.",
)
@click.option("--rate", metavar="RATE", help="At most, such as 100/second or 5000/hour; without: the service's own.")
@click.option("--expires", metavar="SPAN", help="Ends after a time such as 90d or 12h.")
@json_option
@platform_options
def create(
    platform: PlatformView, name: str, scopes: tuple[str, ...], rate: str | None, expires: str | None, said: Output
) -> None:
    """Make a key for NAME, whoever is to use it."""
    from tidemill.access.limits.rates import parsed_rate

    if rate:
        parsed_rate(rate)
    _warn_of_unknown(platform, scopes)
    until = _now_ms() + _span_ms(expires, "--expires") if expires else None
    _tell(said, _store(platform).create(name, scopes, who(), rate=rate, expires_at=until))


@keys.command()
@click.argument("key_id")
@click.option("--grace", metavar="SPAN", help="How long the old secret holds on, such as 1h; without: not at all.")
@json_option
@platform_options
def rotate(platform: PlatformView, key_id: str, grace: str | None, said: Output) -> None:
    """Give the key KEY_ID a new secret."""
    grace_ms = _span_ms(grace, "--grace") if grace else 0
    _tell(said, _known(lambda store: store.rotate(key_id, who(), grace_ms), platform))


@keys.command()
@click.argument("key_id")
@click.option("--reason", default="", help="Why: kept in the audit log.")
@json_option
@platform_options
def revoke(platform: PlatformView, key_id: str, reason: str, said: Output) -> None:
    """End the key KEY_ID for ever."""
    _known(lambda store: store.revoke(key_id, who(), reason), platform)
    said.say(f"revoked: {key_id}")
    said.tell({"revoked": key_id, "reason": reason})


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def list_(platform: PlatformView, as_json: bool) -> None:
    """All keys, without their secrets."""
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console

    rows = [_row(record) for record in _store(platform).all()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("key", "name", "scopes", "rate", "state", "made", "by", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["key"], row["name"], " ".join(row["scopes"]), row["rate"] or "-", row["state"], row["made"], row["by"]
        )
    console().print(table, markup=False)


@keys.command()
@click.option("--most", default=50, show_default=True, type=click.IntRange(min=1), help="So many acts, the newest.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON list.")
@platform_options
def audit(platform: PlatformView, most: int, as_json: bool) -> None:
    """The audit log of administrative acts, newest first, as JSON lines; with --json as one list."""
    from tidemill.access.storage.audit import acts

    told = [
        {"at": _iso(act.at), "by": act.by, "act": act.act, "subject": act.subject, "detail": act.detail}
        for act in acts(audit_engine(platform), most)
    ]
    for text in [json.dumps(told, indent=2)] if as_json else map(json.dumps, told):
        click.echo(text)


def _warn_of_unknown(platform: PlatformView, scopes: tuple[str, ...]) -> None:
    """Say where a scope is for a model that is not here: it may come yet, or be misspelt."""
    from tidemill.errors import ConfigError
    from tidemill.nearest import did_you_mean

    named = {model for scope in scopes if (model := scope.partition(":")[2])}
    try:
        known = frozenset(platform.models) if named else frozenset()
    except ConfigError as error:
        click.echo(f"no model file can be read here, so no name of a model was looked up: {error}", err=True)
        return
    for model in sorted(named - known):
        hint = did_you_mean(model, known)
        click.echo(f"there is no model {model!r} here{hint}: the key is for it as soon as there is one", err=True)


def _store(platform: PlatformView) -> KeyStore:
    from tidemill.access.storage.store import KeyStore
    from tidemill.clock import SystemClock

    return KeyStore(audit_engine(platform), SystemClock())


def _known(act: Any, platform: PlatformView) -> Any:
    from tidemill.access.storage.store import UnknownKey

    try:
        return act(_store(platform))
    except UnknownKey as error:
        raise click.ClickException(str(error)) from None


def _tell(said: Output, issued: Issued) -> None:
    if said.as_json:  # the key itself stands in one place alone
        return said.tell(_row(issued.record) | {"secret": issued.text})
    said.say(f"key {issued.record.key_id} ({', '.join(sorted(issued.record.scopes))}); it is shown this once:")
    return said.say(issued.text)


def _row(record: KeyRecord) -> dict[str, Any]:
    state = "usable" if record.usable(_now_ms()) else "revoked" if record.revoked_at else "expired"
    return {
        "key": record.key_id,
        "name": record.name,
        "scopes": sorted(record.scopes),
        "rate": record.rate,
        "state": state,
        "made": _iso(record.created_at),
        "by": record.created_by,
        "rotated": record.rotated_at and _iso(record.rotated_at),
        "expires": record.expires_at and _iso(record.expires_at),
        "revoked": record.revoked_at and _iso(record.revoked_at),
    }


def _span_ms(text: str, option: str) -> int:
    from tidemill.contracts.quantities import milliseconds, parse_duration

    try:
        return milliseconds(parse_duration(text))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _now_ms() -> int:
    from tidemill.clock import SystemClock

    return SystemClock().now_ms()


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")
