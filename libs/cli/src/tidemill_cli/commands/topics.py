"""`tidemill topics`: the contract's topics, and what of them exists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform import platform_options

if TYPE_CHECKING:
    from tidemill.contracts.topics import TopicSpec
    from tidemill_cli.platform import PlatformView


@click.group(invoke_without_command=True)
@click.pass_context
def topics(ctx: click.Context) -> None:
    """The contract's topics: who writes and reads each, how long it is kept, and how much is in it.

    \b
    tidemill topics            list them
    tidemill topics create     create those that are missing
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_topics)


@topics.command("list")
@platform_options
def list_topics(platform: PlatformView) -> None:
    """List all topics (also: `tidemill topics`). Records are counted by offsets, so they include transaction
    markers.
    """
    from rich.console import Console
    from rich.table import Table

    from tidemill_cli.lag import Offsets

    names = platform.topics.all_topics(platform.models)
    offsets = Offsets(platform.settings)
    present = offsets.partitions(list(names))
    ends, begins = offsets.ends(list(names)), offsets.ends(list(names), earliest=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "partitions", "records", "kept", "owner", "written by", "read by"):
        table.add_column(heading, justify="right" if heading in ("partitions", "records") else "left")
    for name, (role, _) in names.items():
        spec = platform.topics.spec(role)
        held = sum(end - begins[at] for at, end in ends.items() if at[0] == name)
        count, records = (str(present[name]), f"≈{held:,}") if name in present else ("missing", "")
        people = ", ".join(spec.producers), ", ".join(spec.consumers)
        table.add_row(name, count, records, _kept(spec), spec.owner, *people)
    Console().print(table)


@topics.command("create")
@platform_options
def create(platform: PlatformView) -> None:
    """Create the topics that are missing, with the contract's settings; what exists stays as it is."""
    from tidemill.kafka.clients import admin
    from tidemill.kafka.topics import ensure_topics
    from tidemill_cli.lag import Offsets

    names = list(platform.topics.all_topics(platform.models))
    before = Offsets(platform.settings).partitions(names)
    settings = platform.settings
    ensure_topics(admin(settings), platform.topics, platform.models, settings.partitions)
    made = [name for name in names if name not in before]
    click.echo("\n".join(made) if made else "all topics exist")


def _kept(spec: TopicSpec) -> str:
    if spec.retention is None:
        return "newest per key" if spec.cleanup == "compact" else "for ever"
    days, rest = divmod(spec.retention, timedelta(days=1))
    return f"{days} days" if not rest else str(spec.retention)
