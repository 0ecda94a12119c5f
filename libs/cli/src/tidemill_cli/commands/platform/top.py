"""`tidemill top`: the loop live in a terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from tidemill_cli.commands.platform.up import asked_to_stop
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from threading import Event

    from tidemill_operations.loop_view.reader import LoopReader
    from tidemill_operations.platform import PlatformView


@click.command()
@click.option("--every", "every_s", type=click.FloatRange(0.2, 3_600), default=1.0, show_default=True,
              metavar="SECONDS", help="How often to look.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look for so many seconds, print one frame, and end.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each look, a line each.")
@platform_options
def top(platform: PlatformView, every_s: float, once: bool, as_json: bool) -> None:
    """The loop live in a terminal: records a second in each step and how far each is behind, versions, labels, dead
    letters, drift, trainings, and what happened last. q leaves.

    \b
    tidemill top
    tidemill top --once              one frame, for a log or a pipe
    tidemill top --json --every 10   for programs

    Safe on a platform at work: it joins no group and writes nothing. Records are counted by offsets, so transaction
    markers are among them; speeds are means over five seconds. New and changed model files are taken up as the platform
    takes them up. Without a terminal it is --once.
    """
    from tidemill_operations.loop_view.reader import LoopReader
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    reader = LoopReader(platform)
    try:
        with asked_to_stop() as stop:
            if once or not (as_json or sys.stdout.isatty()):
                _once(reader, every_s, stop, as_json)
            elif as_json:
                _lines(reader, every_s, stop)
            else:
                from tidemill_cli.rendering.top.live import show_live

                show_live(reader.look, every_s, stop)
    finally:
        reader.close()


def _once(reader: LoopReader, every_s: float, stop: Event, as_json: bool) -> None:
    reader.look()  # a speed needs two looks
    stop.wait(every_s)
    frame = reader.look()
    if as_json:
        click.echo(json.dumps(frame.facts()))
        return
    from tidemill_cli.rendering.terminal import console
    from tidemill_cli.rendering.top.screen import view

    screen = console()
    screen.print(view(frame, screen.width))


def _lines(reader: LoopReader, every_s: float, stop: Event) -> None:
    while not stop.is_set():
        click.echo(json.dumps(reader.look().facts()))
        sys.stdout.flush()
        stop.wait(every_s)
