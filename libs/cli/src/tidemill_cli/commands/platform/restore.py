"""`tidemill restore`: a platform out of a backup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tidemill_cli.commands.platform.backup import at_option, from_option
from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.restore.run import Restored

PARTS = ("database", "topics", "artifacts", "tables")


@click.command()
@from_option
@at_option
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Only this part; repeatable. Without: all.")
@json_option
@platform_options
def restore(platform: PlatformView, url: str, name: str | None, only: tuple[str, ...], said: Output) -> None:
    """Bring the platform back that a backup is of: the same versions serve, and the loop goes on.

    \b
    tidemill restore --from s3://backups/tidemill
    tidemill restore --from s3://backups/tidemill --at 20261130T185611Z-3fa2
    tidemill restore --from s3://backups/tidemill --only tables --only artifacts

    The settings (TIDEMILL_*) say where to: Kafka, database, artifacts and tables may be other ones than before. Model
    files, records' schemas and keys are not in a backup. Services are stopped; missing topics are made. What is there
    already and is the backup's is left as it is, so a restore that was killed is run again; where anything else is in
    the way, it is named and nothing is written. Exit code 1 where a version that served cannot serve here.
    """
    from tidemill_cli.rendering.progress import steps_bar
    from tidemill_operations.acts import note_act
    from tidemill_operations.backup.store import BackupStore
    from tidemill_operations.restore.run import restore as bring_back

    store = BackupStore(url)
    chosen = store.chosen(name)
    with steps_bar() as told:
        done = bring_back(platform, store, chosen, only or PARTS, told)
    note_act(platform, "restore", chosen.name, source=store.url, parts=list(only or PARTS))
    _tell(done, said)
    if any(one.problem for one in done.serving):
        raise SystemExit(1)


def _tell(done: Restored, said: Output) -> None:
    said.say(
        f"restored {done.backup.name} in {done.seconds:.1f} s: {done.files:,} files, {done.records:,} records, "
        f"{done.places:,} places of groups, {'the database' if done.database else 'no database'} written"
    )
    for one in done.serving:
        what = f"  {one.serving.model} version {one.serving.version}, epoch {one.serving.epoch}"
        if one.problem:
            click.echo(f"{what} cannot serve here: {one.problem}", err=True)
        else:
            said.say(f"{what}: verified, and answers its golden rows")
    begun = datetime.fromtimestamp(done.backup.begun_at / 1_000, UTC).isoformat(timespec="seconds")
    known = dict.fromkeys((model, one.noted_as, one.day) for model, one in done.erased)
    click.echo(
        f"whoever was erased after {begun} is back as far as this backup has them: run `tidemill erase` again for each "
        "before anybody else reads it",
        err=True,
    )
    for model, noted_as, day in known:
        click.echo(f"  the audit log here has {model}, {noted_as}, on {day}", err=True)
    said.tell(
        {
            "backup": done.backup.name,
            "erased_since": [{"model": model, "entity": name, "day": day} for model, name, day in known],
            "seconds": round(done.seconds, 3),
            "files": done.files,
            "bytes": done.bytes,
            "records": done.records,
            "places": done.places,
            "database": done.database,
            "serving": [
                {
                    "model": one.serving.model,
                    "version": one.serving.version,
                    "epoch": one.serving.epoch,
                    "digest": one.serving.digest,
                    "problem": one.problem or None,
                }
                for one in done.serving
            ],
        }
    )
