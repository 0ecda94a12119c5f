"""One test message by each channel: do notices reach people?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.errors import ConfigError
from tidemill.ids import uuid7
from tidemill.notify.channels import open_channel
from tidemill.notify.delivery import NotDelivered
from tidemill.notify.notice import Notice
from tidemill.notify.settings import ChannelName, NotifySettings

__all__ = ["Trial", "try_channels"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `answer`: what the other side said, or why it was not taken."""

    channel: str
    taken: bool
    answer: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.channel:<9}{'taken' if self.taken else 'failed'}: {self.answer}"


def try_channels(settings: NotifySettings, names: Sequence[ChannelName] = ()) -> list[Trial]:
    """Send by these channels, or by all that are set. Raises ConfigError where one is not set, or none is."""
    if not settings.channels:
        raise ConfigError("no channel is set: see TIDEMILL_NOTIFY_WEBHOOK_URL and the others in docs/notifications.md")
    unset = [name for name in names if name not in settings.channels]
    if unset:
        raise ConfigError(f"{', '.join(unset)}: not set; set are {', '.join(settings.channels)}")
    return [_tried(name, settings) for name in names or settings.channels]


def _tried(name: ChannelName, settings: NotifySettings) -> Trial:
    channel, began = open_channel(name, settings), time.monotonic()
    notice = Notice(
        notice_id=uuid7(), kind="test", model="tidemill", title="A test message",
        text="Somebody tries whether notices of Tidemill reach you here.", at=time.time_ns() // 1_000_000,
    )  # fmt: skip
    try:
        answer, taken = channel.send(notice), True
    except NotDelivered as error:
        answer, taken = str(error), False
    finally:
        channel.close()
    return Trial(name, taken, answer, round(time.monotonic() - began, 3))
