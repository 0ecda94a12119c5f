"""`tidemill notify`: do notices reach people?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tidemill_cli.json_option import Output, json_option

if TYPE_CHECKING:
    from tidemill.notify.settings import ChannelName, NotifySettings

CHANNELS = ("webhook", "slack", "email", "github")


@click.group()
def notify() -> None:
    """Notices of trainings, releases and drift. The trainer sends them; this tries its channels."""


@notify.command()
@click.option("--channel", "names", multiple=True, type=click.Choice(CHANNELS), help="Only this one; may be repeated.")
@json_option
def test(said: Output, names: tuple[ChannelName, ...]) -> None:
    """Send one test message by each channel that is set, and say what its server answered. Exit code 1 where one was
    not taken.

    \b
    tidemill notify test                     all channels that TIDEMILL_NOTIFY_… or tidemill.yaml set
    tidemill notify test --channel email     only mail
    """
    from tidemill.errors import ConfigError
    from tidemill.notify.settings import NotifySettings

    settings = NotifySettings()
    if not settings.channels:
        raise ConfigError("no channel is set: see TIDEMILL_NOTIFY_WEBHOOK_URL and the others in docs/notifications.md")
    unset = [name for name in names if name not in settings.channels]
    if unset:
        raise ConfigError(f"{', '.join(unset)}: not set; set are {', '.join(settings.channels)}")
    results = [_tried(name, settings) for name in names or settings.channels]
    for result in results:
        taken = result["taken"]
        said.say(
            f"{result['channel']:<9}{'taken' if taken else 'failed'}: {result['answer']}", fg=None if taken else "red"
        )
    said.tell(results)
    raise SystemExit(0 if all(result["taken"] for result in results) else 1)


def _tried(name: ChannelName, settings: NotifySettings) -> dict[str, object]:
    from tidemill.ids import uuid7
    from tidemill.notify.channels import open_channel
    from tidemill.notify.delivery import NotDelivered
    from tidemill.notify.notice import Notice

    channel, began = open_channel(name, settings), time.monotonic()
    notice = Notice(
        notice_id=uuid7(), kind="test", model="tidemill", title="A test message",
        text="Sent by `tidemill notify test`: notices reach you here.", at=time.time_ns() // 1_000_000,
    )  # fmt: skip
    try:
        answer, taken = channel.send(notice), True
    except NotDelivered as error:
        answer, taken = str(error), False
    finally:
        channel.close()
    return {"channel": name, "taken": taken, "answer": answer, "seconds": round(time.monotonic() - began, 3)}
