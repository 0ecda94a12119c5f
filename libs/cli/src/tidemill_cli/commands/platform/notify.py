"""`tidemill notify`: do notices reach people?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tidemill_cli.json_option import Output, json_option

if TYPE_CHECKING:
    from tidemill.notify.settings import ChannelName

CHANNELS = ("webhook", "slack", "email", "github")


@click.group()
def notify() -> None:
    """Notices of trainings, releases and drift. The trainer sends them; this tries its channels."""


@notify.command()
@click.option("--channel", "names", multiple=True, type=click.Choice(CHANNELS), help="Only this one; may be repeated.")
@json_option
def test(said: Output, names: tuple[ChannelName, ...]) -> None:
    """Send one test message by each channel that is set, and say what its server answered. Exit code 1 where one was
    not taken. `tidemill-trainer notify --test` does the same where the trainer runs.

    \b
    tidemill notify test                     all channels that TIDEMILL_NOTIFY_… or tidemill.yaml set
    tidemill notify test --channel email     only mail
    """
    from tidemill.notify.settings import NotifySettings
    from tidemill.notify.trial import try_channels

    trials = try_channels(NotifySettings(), names)
    for trial in trials:
        said.say(str(trial), fg=None if trial.taken else "red")
    said.tell([asdict(trial) for trial in trials])
    raise SystemExit(0 if all(trial.taken for trial in trials) else 1)
