"""What a channel is to whoever sends by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tidemill.errors import TidemillError
from tidemill.notify.notice import Notice

__all__ = ["Channel", "NotDelivered", "scrubbed"]

HIDDEN = "***"


class NotDelivered(TidemillError):
    """The notice was not taken, or it is not known to be. `retry_after_s`: the least time to wait, where the other
    side says one; `of_notice`: it is this notice that is refused, and another one may be taken.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, of_notice: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.of_notice = of_notice


class Channel(Protocol):
    """A way to people. Used by one thread at a time."""

    def send(self, notice: Notice) -> str:
        """Send it; gives what the other side said. Returns when that has taken it on, which does not mean that anybody
        has read it. Raises NotDelivered, whose text holds no secret.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Without any of the secrets, whoever put them there: a server may answer with what it was sent."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text
