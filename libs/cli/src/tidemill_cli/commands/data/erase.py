"""`tidemill erase`: what the platform holds of one entity goes, and what cannot go is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@click.command()
@click.option(
    "--entity", required=True, metavar="TEXT", help="Whose data: the value of the model's `entity`, as pushed."
)
@click.option(
    "--model", "named", metavar="NAME", multiple=True, help="Only this model's; can be repeated; all by default."
)
@click.option("--privacy-key-file", "key_files", multiple=True, envvar="TIDEMILL_PRIVACY_KEY_FILE",
              type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Key of privacy rules of `hash`; repeated: also keys of before.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be erased and what would be left, and erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@platform_options
def erase(
    platform: PlatformView, entity: str, named: tuple[str, ...], key_files: tuple[Path, ...], dry_run: bool, yes: bool,
    said: Output,
) -> None:  # fmt: skip
    """Erase what the platform holds of one entity: its rows in training tables, with the files and the log of their
    old versions. What cannot be erased is said with the day by which it is gone, or with what to do about it.

    \b
    tidemill erase --entity N665DN --dry-run
    tidemill erase --entity N665DN
    tidemill erase --entity N665DN --model flight-delay --yes --json

    Topics keep records until retention takes them: the day is told. Versions that have learned from its rows keep what
    they learned, since artifacts are signed: make new ones. The audit log notes the act, and a hash in place of the
    entity. It works beside a running platform, and may be run again at any time: after it was killed, and once the day
    has come. Exit code 0 where nothing is left, 1 where something is. docs/erase.md tells more.
    """
    from tidemill.rows.field_rules import read_privacy_key
    from tidemill_cli.rendering.erase.lines import lines_of
    from tidemill_operations.erase.acts import note_keys
    from tidemill_operations.erase.run import erase as run
    from tidemill_operations.reach import ensure_reachable

    specs = [platform.model(name) for name in named] if named else list(platform.models.values())
    keys = [key for file in key_files if (key := read_privacy_key(file)) is not None]
    ensure_reachable(platform.settings)

    def told(place: str) -> None:
        said.say(f"looking at {place}", err=True, dim=True)

    if not dry_run and not yes:
        known = note_keys(platform, keys, make=False)
        plan = run(platform, specs, entity, keys=keys, note_keys=known, dry_run=True, told=told)
        for line in lines_of(plan):
            said.say(line)
        click.confirm("erase it? This cannot be undone", abort=True, err=True)
    known = note_keys(platform, keys, make=not dry_run)
    report = run(platform, specs, entity, keys=keys, note_keys=known, dry_run=dry_run, told=told)
    for line in lines_of(report):
        said.say(line)
    said.tell(report.facts())
    if not report.complete:
        raise SystemExit(1)
