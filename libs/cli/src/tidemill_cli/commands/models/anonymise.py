"""`tidemill anonymise`: a copy of a model's training rows in which nobody is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_cli.rendering.progress import steps_bar

if TYPE_CHECKING:
    from tidemill_operations.anonymise.choices import Choices
    from tidemill_operations.platform import PlatformView

F = TypeVar("F", bound=Callable[..., Any])


def _fields(word: str, help_text: str) -> Callable[[F], F]:
    return click.option(f"--{word}", multiple=True, metavar="FIELD", help=f"{help_text}; can be repeated.")


@click.command()
@click.option("--model", metavar="NAME", help="Whose rows; not needed where there is only one model.")
@click.option("--to", required=True, metavar="URL", help="An empty folder, or any fsspec URL (s3://, gs://).")
@click.option("--newest", type=click.IntRange(1), metavar="N",
              help="The newest N events; 100,000 by default, all with --since.")  # fmt: skip
@click.option("--since", metavar="TIME", help="Events since a time, or a duration back from now such as 30d.")
@_fields("keep", "Its values stay but for rare ones")
@_fields("drop", "Null, or the zero of its type")
@_fields("hash", "A keyed hash for each text")
@_fields("mask", "Asterisks for all characters")
@click.option("--round", "rounds", multiple=True, metavar="FIELD=STEP", help="To multiples of STEP; can be repeated.")
@click.option("--rare", type=click.IntRange(1), default=5, show_default=True, metavar="K",
              help="A category that fewer entities hold becomes null or `other`.")  # fmt: skip
@click.option("--many", type=click.IntRange(0), default=50, show_default=True, metavar="N",
              help="A field of text with more different values must be spoken of.")  # fmt: skip
@click.option("--shift-times", "shift", type=click.IntRange(1, 36_500), metavar="DAYS",
              help="Each entity's times go back by one random stretch of up to DAYS.")  # fmt: skip
@click.option("--truncate-times", "truncate", type=click.Choice(["hour", "day"]),
              help="Times to the beginning of their hour or day, in UTC.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True,
              help="Of the files of events and labels.")  # fmt: skip
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Key of the hashes, so that copies fit one another; by default one that is forgotten.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be done to each field, and write nothing.")
@json_option
@platform_options
def anonymise(
    platform: PlatformView, model: str | None, to: str, form: Any, key_file: Path | None, dry_run: bool, said: Output,
    **chosen: Any,
) -> None:  # fmt: skip
    """Copy a model's newest training rows, events and labels, to files in which no entity and no event is named.
    `tidemill push` takes them as they are, in staging.

    \b
    tidemill anonymise --model flight-delay --to copy --dry-run
    tidemill anonymise --model flight-delay --to copy --keep dest --shift-times 30
    tidemill anonymise --model flight-delay --to s3://staging/flights --since 90d --hash dest --round distance=50

    Ids of events and entities become keyed hashes, by which labels still meet their events. Rules of privacy hold. A
    category with more than --many values, or with one that fewer than --rare entities hold, is refused by name until
    you say --keep, --drop, --hash or --mask. Numbers and times stay unless you say otherwise: they may tell in
    combination who it is, and the end says so. The audit log notes the act. Exit code of a dry run: 1 where something
    is undecided. docs/anonymise.md tells more.
    """
    from tidemill.rows.field_rules import read_privacy_key
    from tidemill_cli.rendering.anonymise.lines import lines_of
    from tidemill_operations.anonymise.files import Target
    from tidemill_operations.anonymise.pseudonyms import Pseudonyms
    from tidemill_operations.anonymise.run import anonymise as run

    spec, choices = platform.model(model), _choices(**chosen)
    key = read_privacy_key(key_file)
    names = Pseudonyms.forgotten() if key is None else Pseudonyms(key)
    with steps_bar() as told:
        report = run(
            platform, spec, choices, names, Target(to, form), given_key=key is not None, dry_run=dry_run, told=told
        )
    for line in lines_of(report):
        said.say(line)
    said.tell(report.facts())
    if report.asked:
        raise SystemExit(1)


def _choices(
    *, newest: int | None, since: str | None, keep: tuple[str, ...], drop: tuple[str, ...], hash: tuple[str, ...],
    mask: tuple[str, ...], rounds: tuple[str, ...], rare: int, many: int, shift: int | None, truncate: Any,
) -> Choices:  # fmt: skip
    from tidemill_operations.anonymise.choices import NEWEST, Choices, read_rounds, said_of_fields
    from tidemill_operations.since import read_since

    return Choices(
        fields=said_of_fields({"keep": keep, "drop": drop, "hash": hash, "mask": mask}), rounds=read_rounds(rounds),
        rare=rare, many=many, shift=None if shift is None else timedelta(days=shift), truncate=truncate,
        newest=NEWEST if newest is None and since is None else newest, since_ms=read_since(since),
    )  # fmt: skip
