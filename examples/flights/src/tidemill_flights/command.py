"""`tidemill demo`: turn the loop once on real data."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--kafka",
    metavar="HOST:PORT",
    help="Use this Kafka, under a prefix of its own that is removed afterwards.",
)
@click.option(
    "--permute",
    type=int,
    metavar="SEED",
    help="The control: what drifts is shuffled away; nothing may be retrained for drift.",
)
@click.option("--kill", is_flag=True, help="Kill each process but the broker once while it works.")
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Only the beginning of the year.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=10),
    default=86.0,
    show_default=True,
    help="How long the whole year takes; slower where the platform cannot follow.",
)
@click.option("--seed", type=int, default=2013, show_default=True, help="For what is spoilt on the way.")
@click.option(
    "--var",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Data folder.",
)
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on standard output; the story beside it.")
def demo(
    kafka: str | None, permute: int | None, kill: bool, fraction: float, seconds: float, seed: int, var: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Turn the loop once on real data: a year of flights out of New York, in a minute and a half.

    \b
    tidemill demo                    the whole story
    tidemill demo --kill             the same while every process is killed once
    tidemill demo --permute 1        the control: the same year without drift

    336,776 flights of 2013 are streamed into Kafka at their scheduled departure, and whether they were late
    when they have landed. A few percent are spoilt on the way. The platform validates them, learns from them,
    serves predictions, finds that the world has moved, learns again and swaps the new model in. Then all
    topics are read back and counted.

    Exit code 0 only if the loop closed: see `closed` and `failures` in summary.json.
    """
    from tidemill_cli.commands.platform.up import asked_to_stop
    from tidemill_cli.rendering.terminal import console
    from tidemill_flights.run import SUMMARY, Options, run_demo

    options = Options(seconds=seconds, fraction=fraction, seed=seed, permute=permute, kill=kill, kafka=kafka, var=var)
    with asked_to_stop() as stop:
        closed = run_demo(options, console(err=as_json), stop)
    if as_json:
        click.echo((var / SUMMARY).read_text(encoding="utf-8"), nl=False)
    sys.exit(0 if closed else 1)
