"""Notices as issues on GitHub: one is open for each model and kind, and more of the same become its comments."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, TypeVar

from tidemill.notify.delivery import NotDelivered
from tidemill.notify.http import Http
from tidemill.notify.notice import TITLE, Notice, limited, moment, one_line

__all__ = ["GitHubChannel"]

_log = logging.getLogger(__name__)

LABEL = "tidemill"
PAGE, MOST_PAGES = 100, 20
T = TypeVar("T")
_NO_GITHUB = "is TIDEMILL_NOTIFY_GITHUB_URL GitHub's API?"
_BACKTICKS = re.compile("`+")


class GitHubChannel:
    """Finds the open issue by the label and by a mark in its text, so that a title may be edited. `platform`: tells
    apart platforms that share a repository.
    """

    def __init__(self, url: str, repository: str, token: str, timeout_s: float, platform: str = "") -> None:
        self._issues = f"{url.rstrip('/')}/repos/{repository}/issues"
        self._platform = platform
        self._http = Http(timeout_s, (token,))
        self._headers = {
            "authorization": f"Bearer {token}", "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28", "user-agent": "tidemill", "content-type": "application/json",
        }  # fmt: skip

    def send(self, notice: Notice) -> str:
        """As `Channel` has it."""
        mark = f"<!-- tidemill {self._platform}/{notice.model}/{notice.kind} -->"
        number = self._open_issue(mark)
        if number is not None:
            text = f"**{_inline(notice.title)}**\n\n{_body(notice)}"
            self._asked(dict, "POST", f"/{number}/comments", {"body": text})
            return f"comment on issue {number}"
        title = limited(one_line(f"{notice.model}: {notice.kind.replace('_', ' ')}"), TITLE)
        text = f"{mark}\n**{_inline(notice.title)}**\n\n{_body(notice)}\n\nWhat follows of this kind becomes a comment \
until this issue is closed."
        made = self._asked(dict, "POST", "", {"title": title, "body": text, "labels": [LABEL]})
        if not isinstance(made.get("number"), int):
            raise NotDelivered(f"no issue was made: {_NO_GITHUB}")
        if not any(isinstance(label, dict) and label.get("name") == LABEL for label in made.get("labels") or ()):
            _log.warning(
                "issue %s has no label %r, by which it would be found again: the next notice opens another one. "
                "Give the token's owner the right to set labels", made.get("number"), LABEL,
            )  # fmt: skip
        return f"issue {made.get('number')} opened"

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _open_issue(self, mark: str) -> int | None:
        for page in range(1, MOST_PAGES + 1):
            found = self._asked(list, "GET", "", None, state="open", labels=LABEL, per_page=PAGE, page=page)
            for issue in found:
                if not isinstance(issue, dict) or not isinstance(issue.get("number"), int):
                    raise NotDelivered(f"no list of issues: {_NO_GITHUB}")
                if "pull_request" not in issue and str(issue.get("body") or "").startswith(mark):
                    return int(issue["number"])
            if len(found) < PAGE:
                return None
        raise NotDelivered(f"more than {PAGE * MOST_PAGES} issues with the label {LABEL!r} are open: close some")

    def _asked(self, form: type[T], method: str, path: str, datum: dict[str, Any] | None, **query: Any) -> T:
        """What it answers, in JSON of this form. Raises NotDelivered for any other."""
        body = None if datum is None else json.dumps(datum).encode()
        answer = self._http.ask(method, self._issues + path, self._headers, body, **query)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise NotDelivered(f"HTTP {answer.status}, but no JSON: {_NO_GITHUB}") from None
        if not isinstance(found, form):
            raise NotDelivered(f"HTTP {answer.status}, but another JSON than GitHub's: {_NO_GITHUB}")
        return found


def _body(notice: Notice) -> str:
    """The lines as they are: in a fence, where nothing is taken for Markdown or mentions anybody; links outside."""
    lines = notice.lines()
    fence = "`" * max(3, max((len(run) for run in _BACKTICKS.findall(lines)), default=0) + 1)
    links = "".join(f"- {name}: {address}\n" for name, address in notice.links.items())
    return f"{fence}text\n{lines}\n{fence}\n{links}{moment(notice.at)}"


def _inline(title: str) -> str:
    """A title in which nothing is Markdown: a zero-width space behind each @, and no mark of emphasis or code."""
    plain = limited(one_line(title), TITLE)
    return "".join(f"\\{char}" if char in "\\`*_[]<>#!|" else char for char in plain).replace("@", "@\u200b")
