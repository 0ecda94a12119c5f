"""`tidemill topics`: the contract's topics, and what of them exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options, shown_errors
from tidemill_operations.acts import note_act

if TYPE_CHECKING:
    from tidemill.contracts.topics import TopicSpec
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.provision.planning import Plan

F = TypeVar("F", bound=Callable[..., Any])
SCRIPT = Path("var/tidemill-topics.sh")


def principal_options(command: F) -> F:
    """Adds --principal."""
    return click.option(
        "--principal",
        "principals",
        multiple=True,
        metavar="SERVICE=PRINCIPAL",
        help="Whom to give a service's rights, such as validator=User:tm-validator; services are ingest, validator, "
        "trainer, inference, drift, cli, backup, users, or * for all of ours. May be repeated.",
    )(command)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="List them as JSON.")
@click.pass_context
def topics(ctx: click.Context, as_json: bool) -> None:
    """The contract's topics: who writes and reads each, how long it is kept, and how much is in it.

    \b
    tidemill topics            list them
    tidemill topics plan       what would be created or changed, and the rights each service needs
    tidemill topics apply      create it; without the right to, write a script for whoever has it
    tidemill topics check      would a changed schema leave records unreadable?
    tidemill topics prepare    all that must be so before a release of the platform: for a job that may run again
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_topics, as_json=as_json)


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def list_topics(platform: PlatformView, as_json: bool) -> None:
    """List all topics (also: `tidemill topics`). Records are counted by offsets, so they include transaction
    markers.
    """
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    rows = list(_rows(platform))
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
    else:
        _show(rows)


def _rows(platform: PlatformView) -> Iterator[dict[str, Any]]:
    from tidemill_operations.standing.lag import Offsets

    names = platform.topics.all_topics(platform.models)
    offsets = Offsets(platform.settings)
    present = offsets.partitions(list(names))
    ends, begins = offsets.ends(list(names)), offsets.ends(list(names), earliest=True)
    for name, (role, model) in names.items():
        spec = platform.topics.spec(role)
        held = sum(end - begins[at] for at, end in ends.items() if at[0] == name)
        yield {
            "topic": name,
            "role": role,
            "model": model,
            "partitions": present.get(name),
            "records": held if name in present else None,
            "kept": _kept(spec),
            "owner": spec.owner,
            "written_by": list(spec.producers),
            "read_by": list(spec.consumers),
        }


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console

    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "partitions", "records", "kept", "owner", "written by", "read by"):
        right = heading in ("partitions", "records")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading == "topic", overflow="fold")
    for row in rows:
        there = row["partitions"] is not None
        count, records = (str(row["partitions"]), f"≈{row['records']:,}") if there else ("missing", "")
        people = ", ".join(row["written_by"]), ", ".join(row["read_by"])
        table.add_row(row["topic"], count, records, row["kept"], row["owner"], *people)
    console().print(table, markup=False)


@topics.command("plan")
@principal_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--script", type=click.Path(dir_okay=False, path_type=Path), help="Also write it as a shell script.")
@platform_options
def plan(platform: PlatformView, principals: tuple[str, ...], as_json: bool, script: Path | None) -> None:
    """Print what would be created or changed: topics with partitions, replicas and settings, and each
    service's rights. Changes nothing; exit code 1 where something stands in the way.
    """
    from tidemill_cli.rendering.provision import as_dict, show
    from tidemill_operations.provision.planning import make_plan

    made = make_plan(platform, principals)
    if as_json:
        import json

        click.echo(json.dumps(as_dict(made), indent=1))
    else:
        show(made)
    if script is not None:
        _write(script, made, configs=True)
    if made.obstacles:
        raise SystemExit(1)


@topics.command("apply")
@principal_options
@click.option(
    "--change-configs",
    is_flag=True,
    help="Also set what differs on topics that exist. Less retention deletes records.",
)
@click.option(
    "--script",
    type=click.Path(dir_okay=False, path_type=Path),
    default=SCRIPT,
    show_default=True,
    help="Where to write what may not be done here.",
)
@json_option
@platform_options
def apply(
    platform: PlatformView, principals: tuple[str, ...], change_configs: bool, script: Path, said: Output
) -> None:
    """Create the topics that are missing, and the rights of the services named by --principal. A model's topics that
    have fewer partitions than another of them, or than its source, get as many; else what exists stays as it is. What
    this principal may not do is written as a script for whoever may (exit code 3).
    """
    _apply(platform, principals, script, said, change_configs=change_configs)


@topics.command("create")
@json_option
@platform_options
def create(platform: PlatformView, said: Output) -> None:
    """Create the topics that are missing: `apply` without rights."""
    _apply(platform, (), SCRIPT, said, change_configs=False)


@topics.command("check")
@json_option
def check(said: Output) -> None:
    """Refuse a schema that cannot read what was written with an earlier one: by the history in schemas/, and
    by the registry where one is configured (TIDEMILL_SCHEMA_REGISTRY_URL). Needs no Kafka. Exit code 1 names each
    problem.
    """
    from tidemill_operations.platform import find_platform
    from tidemill_operations.provision.check import schema_problems

    with shown_errors():
        problems = schema_problems(find_platform(needed=False))
    said.tell({"problems": problems})
    _end_with(problems)
    said.say("every record schema reads all its earlier versions")


@topics.command("prepare")
@principal_options
@json_option
@platform_options
def prepare(platform: PlatformView, principals: tuple[str, ...], said: Output) -> None:
    """What a release of the platform begins with: `check`, the tables of keys and the audit log brought up to date, and
    `apply`. Where one of them fails, those after it are not done; again it changes nothing.
    """
    from tidemill_operations.acts import audit_engine
    from tidemill_operations.provision.check import schema_problems

    problems = schema_problems(platform)
    if problems:
        said.tell({"problems": problems})
    _end_with(problems)
    audit_engine(platform).dispose()
    said.say("every record schema reads all its earlier versions; keys and audit log have their tables")
    _apply(platform, principals, SCRIPT, said, change_configs=False)


def _end_with(problems: list[str]) -> None:
    """Exit code 1 with a line for each problem, if there is one."""
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)


def _apply(
    platform: PlatformView, principals: tuple[str, ...], script: Path, said: Output, *, change_configs: bool
) -> None:
    from tidemill_operations.provision.planning import apply_plan, make_plan

    made = make_plan(platform, principals)
    if made.hopeless:
        raise click.ClickException("\n".join(made.obstacles))
    for text in made.waiting:
        click.echo(f"a model waits for its source, the others go on: {text}", err=True)
    kinds = ("create", "grow", "config") if change_configs else ("create", "grow")
    changes = [f"{change.kind}: {change.topic.name}" for change in made.changes if change.kind in kinds]
    if changes:
        note_act(platform, "topics.apply", platform.settings.prefix, changes=changes, configs=change_configs)
    done = apply_plan(platform, made, configs=change_configs)
    for line in done.done:
        said.say(line)
    refused = [{"what": what, "why": why} for what, why in done.refused.items()]
    said.tell(
        {
            "problems": [],
            "done": list(done.done),
            "refused": refused,
            "waiting": list(made.waiting),
            "script": str(script) if refused else None,
        }
    )
    if not done.refused:
        if not done.done:
            said.say("all topics exist, with as many partitions as they must have")
        return
    for what, why in done.refused.items():
        click.echo(f"not done: {what}: {why}", err=True)
    _write(script, made, configs=change_configs)
    click.echo(f"have somebody with the right run it: BOOTSTRAP={platform.settings.kafka_bootstrap} {script}", err=True)
    raise SystemExit(3)


def _write(path: Path, made: Plan, *, configs: bool) -> None:
    from tidemill_operations.provision.script import script

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(made.bootstrap, made.changes, made.rights, configs=configs), encoding="utf-8")
    path.chmod(0o755)
    click.echo(f"wrote {path}", err=True)


def _kept(spec: TopicSpec) -> str:
    if spec.retention is None:
        return "newest per key" if spec.cleanup == "compact" else "for ever"
    days, rest = divmod(spec.retention, timedelta(days=1))
    return f"{days} days" if not rest else str(spec.retention)
