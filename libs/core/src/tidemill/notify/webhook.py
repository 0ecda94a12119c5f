"""Notices to web hooks: JSON that is signed, and what Slack takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tidemill.notify.http import Http
from tidemill.notify.notice import TITLE, Notice, limited, one_line
from tidemill.notify.signature import signed_headers

__all__ = ["SlackChannel", "WebhookChannel"]

JSON = {"content-type": "application/json", "user-agent": "tidemill"}


class WebhookChannel:
    """Each notice as `Notice.message` has it, signed anew at each attempt."""

    def __init__(self, url: str, secret: str, timeout_s: float, now: Callable[[], float] = time.time) -> None:
        self._url, self._secret, self._now = url, secret, now
        self._http = Http(timeout_s, (url, secret), now)

    def send(self, notice: Notice) -> str:
        """As `Channel` has it: any 2xx is well."""
        body = json.dumps(notice.message(), ensure_ascii=False).encode()
        headers = signed_headers(self._secret, notice.notice_id, int(self._now()), body)
        return f"HTTP {self._http.ask('POST', self._url, JSON | headers, body).status}"

    def close(self) -> None:
        """Release connections."""
        self._http.close()


class SlackChannel:
    """Each notice as a text of Slack's own form. Nothing in it mentions anybody or leads elsewhere: Slack mentions by
    what stands in <>, others that take the same by @ alone, and make a link of Markdown's.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._http = Http(timeout_s, (url,))

    def send(self, notice: Notice) -> str:
        """As `Channel` has it."""
        body = json.dumps({"text": slack_text(notice)}, ensure_ascii=False).encode()
        return f"HTTP {self._http.ask('POST', self._url, JSON, body).status}"

    def close(self) -> None:
        """Release connections."""
        self._http.close()


def slack_text(notice: Notice) -> str:
    """Title in bold, then the lines; &, < and > as Slack wants them. Links are the operator's and stay as they are."""
    title = _plain(limited(one_line(notice.title), TITLE)).replace("*", "∗")
    links = (f"{name}: {_escaped(address)}" for name, address in notice.links.items())
    return "\n".join([f"*{title}*", _plain(notice.lines()), *links])


def _plain(text: str) -> str:
    """With a zero-width space where a mention or a link would begin."""
    return _escaped(text).replace("@", "@\u200b").replace("](", "]\u200b(")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
