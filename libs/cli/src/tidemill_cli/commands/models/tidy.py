"""`tidemill tidy`: what nothing refers to any more goes from the stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from datetime import timedelta

    from tidemill_operations.lifecycle.retention import OldRows
    from tidemill_operations.lifecycle.tidying import Tidied
    from tidemill_operations.platform import PlatformView


@click.command()
@click.option("--apply", is_flag=True, help="Do it; without this it is only said.")
@click.option("--model", "named", metavar="NAME", multiple=True, help="Only this model's; can be repeated.")
@click.option("--leftovers-after", default="7d", show_default=True, metavar="D",
              help="Folders that no record names, and writes that did not end.")  # fmt: skip
@click.option("--unreleased-after", default="30d", show_default=True, metavar="D",
              help="Versions that nobody has released.")  # fmt: skip
@click.option("--superseded-after", metavar="D",
              help="Versions that have served, so long after they last did; by default never.")  # fmt: skip
@click.option("--rollback", type=click.IntRange(min=1), default=5, show_default=True,
              help="So many versions that were released last are kept in any case.")  # fmt: skip
@click.option("--table-files-after", default="30d", show_default=True, metavar="D",
              help="Files of tables that only older versions of them name; at least a day.")  # fmt: skip
@click.option("--untimed-rows", is_flag=True,
              help="Rows without a usable time go, too, where `retention.rows` is set.")  # fmt: skip
@json_option
@platform_options
def tidy(
    platform: PlatformView, apply: bool, named: tuple[str, ...], leftovers_after: str, unreleased_after: str,
    superseded_after: str | None, rollback: int, table_files_after: str, untimed_rows: bool, said: Output,
) -> None:  # fmt: skip
    """Say which artifacts and table files nothing refers to any more, and which rows are too old; --apply deletes them.

    \b
    tidemill tidy
    tidemill tidy --apply --superseded-after 180d

    What serves, is on trial, is to take over, answers in label time, is part of a mixture or waits to be imported stays
    whatever its age, and so do the versions that were released last, for a rollback. Rows of a training table go where
    the model file says how long they stay (`retention: {rows: 400d}`), by their event's time; while a run is open or a
    version on trial they stay. Artifacts of unknown origin in a store that platforms share stay. The audit log notes
    what goes. docs/tidy.md tells more.
    """
    from tidemill_operations.lifecycle.policy import Rules
    from tidemill_operations.lifecycle.tidying import tidy as run
    from tidemill_operations.reach import ensure_reachable

    rules = Rules(
        leftover=_ms(leftovers_after, "--leftovers-after"), unreleased=_ms(unreleased_after, "--unreleased-after"),
        superseded=None if superseded_after is None else _ms(superseded_after, "--superseded-after"),
        rollback=rollback, untimed_rows=untimed_rows,
    )  # fmt: skip
    age = _duration(table_files_after, "--table-files-after")
    models = [platform.model(name).name for name in named] if named else sorted(platform.models)
    ensure_reachable(platform.settings)

    def told(place: str) -> None:
        said.say(f"looking at {place}", err=True, dim=True)

    done = run(platform, models, rules, age, apply=apply, told=told)
    for line in _lines(done):
        said.say(line)
    said.tell(done.facts())


def _ms(text: str, option: str) -> int:
    return int(_duration(text, option).total_seconds() * 1000)


def _duration(text: str, option: str) -> timedelta:
    from tidemill.contracts.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _lines(done: Tidied) -> Iterator[str]:
    word = "gone" if done.applied else "would go"
    for one in done.removals:
        yield f"{word}: {one.stored.uri} ({one.stored.size:,} bytes): {one.why}"
    for rows in done.rows:
        yield from _rows(rows, word)
    for table in done.tables:
        yield f"{'kept' if table.kept else word}: {table.files:,} files of {table.uri}" + (
            f": {table.kept}" if table.kept else ""
        )
    if not done.removals and not done.rows and not done.tables:
        yield "nothing is to be tidied"
    elif not done.applied:
        yield "nothing was deleted: say --apply"


def _rows(one: OldRows, word: str) -> Iterator[str]:
    from tidemill_operations.lifecycle.row_acts import minute

    if one.rows:
        counts = ", ".join(f"{count:,} of kind {kind}" for kind, count in sorted(one.rows.items()))
        begun = f"kept: {one.kept}" if one.kept else word
        yield f"{begun}: rows of events before {minute(one.before_ms)} in {one.uri} ({counts}; {one.left:,} rows stay)"
    yield from (f"  {told}" for told in one.follows)
    if one.unusable:
        yield (
            f"kept: {one.unusable:,} rows of {one.uri} without a usable event time (such as {one.example}): "
            "--untimed-rows takes them"
        )
