"""What a channel is to whoever sends by it."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from urllib.parse import quote, unquote, urlsplit

from tidemill.errors import TidemillError
from tidemill.notify.notice import Notice

__all__ = ["Channel", "NotDelivered", "scrubbed"]

HIDDEN = "***"
_LEAST: Final = 8
"""A shorter part of an address is no secret, and may be a word of the text."""


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
    """Without any of the secrets, whoever put them there: a server may answer with what it was sent. To be called
    before a text is cut, for half a secret is found by nobody.
    """
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def _forms(secret: str) -> Iterator[str]:
    """As it is, in base64 (so a password goes to a mail server), as an address or a page has it; of an address its
    parts, too: a server sees the path alone, and tells which one it does not have.
    """
    for part in (secret, *_parts(secret)):
        yield from (part, quote(part, safe=""), quote(part), unquote(part), html.escape(part), part.replace("/", "\\/"))
        yield base64.b64encode(part.encode(errors="replace")).decode()


def _parts(secret: str) -> Iterator[str]:
    """What is secret in an address, the login in it too; nothing of another text."""
    if not secret.startswith(("http://", "https://")):
        return
    found = urlsplit(secret)
    whole = f"{found.path}?{found.query}" if found.query else found.path
    yield from (part for part in (whole, found.path, found.query) if len(part) > 1)
    login = found.netloc.rpartition("@")[0]
    pieces = (*found.path.split("/"), *found.query.replace("=", "&").split("&"), login, login.partition(":")[2])
    yield from (piece for piece in pieces if len(piece) >= _LEAST)
