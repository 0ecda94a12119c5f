"""`tidemill backup`: what a platform cannot make again, to a second place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import shown_errors

if TYPE_CHECKING:
    from tidemill_operations.backup.document import Backup
    from tidemill_operations.backup.retention import Policy
    from tidemill_operations.backup.store import BackupStore
    from tidemill_operations.backup.upkeep import Expiry
    from tidemill_operations.platform import PlatformView

F = TypeVar("F", bound=Callable[..., Any])
HEAL = (
    "remove the objects that are named and take a backup here: what the platform still has is copied anew. As long as "
    "they are there, the backups to come count on them"
)


def from_option(command: F) -> F:
    """Adds --from; the command gets it as `url`."""
    return click.option(
        "--from", "url", required=True, metavar="URL", help="Where backups are: a folder or any fsspec URL (s3://, gs://)."
    )(command)  # fmt: skip


def at_option(command: F) -> F:
    """Adds --at; the command gets it as `name`."""
    return click.option("--at", "name", metavar="NAME", help="Which backup, by its name; without: the newest.")(command)


@click.group(invoke_without_command=True)
@click.option("--to", "url", metavar="URL", help="Where backups go: a folder or any fsspec URL (s3://, gs://).")
@click.option("--also", "also", multiple=True, metavar="URL", help="A second place that gets the same; repeatable.")
@click.option(
    "--expire", is_flag=True, help="Then let old ones go at each place: as `backup expire --apply` without options."
)
@json_option
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka of another platform than the one that runs here.")
@click.pass_context
def backup(
    context: click.Context, url: str | None, also: tuple[str, ...], expire: bool, said: Output, bootstrap: str | None
) -> None:
    """Back up the platform beside its work: database, topics of versions and requests, artifacts, training tables.

    \b
    tidemill backup --to s3://backups/tidemill --also gs://elsewhere/tidemill --expire
    tidemill backup list --from s3://backups/tidemill
    tidemill backup verify --from s3://backups/tidemill
    tidemill backup expire --from s3://backups/tidemill --apply

    Only what is new is copied. A backup that was not finished is none. Exit code 1 where something that is referred to
    was not there to be copied: each is named, and the backup is whole but for it. `tidemill restore` brings a platform
    back; docs/backup.md says what comes back and what does not.
    """
    if context.invoked_subcommand is not None:
        return
    if url is None:
        raise click.UsageError("say where to: --to URL; or `tidemill backup list|verify|expire --from URL`")
    with shown_errors():
        from tidemill_operations.platform import find_platform

        _back_up(find_platform(bootstrap), url, also, expire, said)


def _back_up(platform: PlatformView, url: str, also: tuple[str, ...], expire: bool, said: Output) -> None:
    from tidemill_cli.rendering.progress import steps_bar
    from tidemill_operations.backup.retention import Policy
    from tidemill_operations.backup.store import BackupStore
    from tidemill_operations.backup.take import take
    from tidemill_operations.backup.upkeep import copy
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    store, others, failed = BackupStore(url), [BackupStore(other) for other in also], _Failures()
    with steps_bar() as told:
        made = take(platform, store, told)
    said.say(f"backup {made.name} at {store.url}: {_size(made.size)}, of which {_size(store.written)} were new")
    for one in made.serving:
        said.say(f"  {one.model} version {one.version} serves, epoch {one.epoch}")
    for text in made.absent:
        click.echo(f"not in the backup, for it is not there: {text}", err=True)
    for other in others:
        with failed.noted(f"it is not at {other.url}"), steps_bar() as told:
            copy(store, other, made, told)
            said.say(f"and at {other.url}: {_size(other.written)} were new")
    gone = []
    for place in (store, *others) if expire else ():
        with failed.noted(f"nothing old went at {place.url}"):
            gone.append(_expire(place, Policy(), said))
    said.tell(
        {
            **_row(made), "at": store.url, "also": [other.url for other in others], "new_bytes": store.written,
            "absent": list(made.absent), "expired": [list(plan.expired) for plan in gone], "failed": failed.texts,
        }
    )  # fmt: skip
    if made.absent or failed.texts:
        raise SystemExit(1)


class _Failures:
    """What could not be done once the backup was made: said, and no reason to leave out what comes after it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        from tidemill_operations.errors import NotPossible

        try:
            yield
        except NotPossible as error:
            self.texts.append(f"{what}: {error}")
            click.echo(self.texts[-1], err=True)


@backup.command("list")
@from_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(url: str, as_json: bool) -> None:
    """Whole backups, oldest first. Exit code 1 names each whose description is damaged."""
    from tidemill_operations.backup.document import Damaged
    from tidemill_operations.backup.store import BackupStore

    rows, damaged = [], []
    with shown_errors():
        store = BackupStore(url)
        for name in store.names():
            try:
                rows.append(_row(store.read(name)))
            except Damaged as error:
                damaged.append(str(error))
    _show(rows, as_json)
    for text in damaged:
        click.echo(text, err=True)
    if damaged:
        raise SystemExit(1)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console

    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("backup", "begun", "took", "size", "serving", box=None, pad_edge=False)
    for row in rows:
        serving = ", ".join(f"{one['model']} {one['version']}" for one in row["serving"]) or "-"
        table.add_row(row["backup"], row["begun"], f"{row['seconds']:.1f} s", _size(row["bytes"]), serving)
    console().print(table, markup=False)


@backup.command("verify")
@from_option
@at_option
@json_option
def verify(url: str, name: str | None, said: Output) -> None:
    """Read all of a backup and compare it with its digests. Exit code 1 names each place that is damaged."""
    from tidemill_cli.rendering.progress import steps_bar
    from tidemill_operations.backup.store import BackupStore
    from tidemill_operations.backup.upkeep import verify as problems_of

    with shown_errors(), steps_bar() as told:
        store = BackupStore(url)
        found = store.chosen(name)
        problems = problems_of(store, found, told)
    for problem in problems:
        click.echo(problem, err=True)
    said.tell({"backup": found.name, "whole": not problems, "problems": problems})
    if problems:
        click.echo(HEAL, err=True)
        raise SystemExit(1)
    said.say(f"backup {found.name} is whole: {sum(part.files for part in found.parts):,} files, {_size(found.size)}")


@backup.command("expire")
@from_option
@click.option("--daily", default=7, show_default=True, type=click.IntRange(min=0), help="Days that keep their newest.")
@click.option("--weekly", default=4, show_default=True, type=click.IntRange(min=0), help="Weeks that keep theirs.")
@click.option("--monthly", default=12, show_default=True, type=click.IntRange(min=0), help="Months that keep theirs.")
@click.option("--apply", "applied", is_flag=True, help="Do it; without, it is only said.")
@json_option
def expire(url: str, daily: int, weekly: int, monthly: int, applied: bool, said: Output) -> None:
    """Let backups go that are the newest of no day, week or month to be kept, with what only they hold.

    Days, weeks and months are counted where there are backups: when no more are made, none goes.
    """
    from tidemill_operations.backup.retention import Policy
    from tidemill_operations.backup.store import BackupStore
    from tidemill_operations.backup.upkeep import plan_expiry

    with shown_errors():
        try:
            policy = Policy(daily, weekly, monthly)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        store = BackupStore(url)
        plan = _expire(store, policy, said) if applied else plan_expiry(store, policy)
    for name, why in plan.kept.items():
        said.say(f"stays  {name}  {', '.join(why)}")
    if not applied:
        for name in plan.expired:
            said.say(f"goes   {name}")
        said.say("nothing was removed: --apply does it")
    said.tell(
        {
            "kept": {name: list(why) for name, why in plan.kept.items()},
            "expired": list(plan.expired),
            "applied": applied,
        }
    )


def _expire(store: BackupStore, policy: Policy, said: Output) -> Expiry:
    from tidemill_operations.backup.upkeep import expire as let_go

    plan, objects = let_go(store, policy)
    for name in plan.expired:
        said.say(f"gone   {name}")
    if plan.expired or objects:
        said.say(f"{objects:,} objects that no backup needs were removed at {store.url}")
    return plan


def _row(made: Backup) -> dict[str, Any]:
    return {
        "backup": made.name,
        "begun": datetime.fromtimestamp(made.begun_at / 1_000, UTC).isoformat(timespec="seconds"),
        "seconds": (made.finished_at - made.begun_at) / 1_000,
        "bytes": made.size,
        "files": sum(part.files for part in made.parts),
        "release": made.release,
        "serving": [
            {"model": s.model, "version": s.version, "epoch": s.epoch, "digest": s.digest} for s in made.serving
        ],
        "tables": {part.name: part.version for part in made.of("tables")},
    }


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(12_345_678)
    '12.3 MB'
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
