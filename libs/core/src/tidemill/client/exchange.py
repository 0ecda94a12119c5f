"""Requests and answers without a network: what is asked, and again when, is said here once for both clients.

Each thing that a client does is a generator: it yields a `Request` and is sent its `Answer` or `NoAnswer`, or yields a
`Pause`; what it returns is the result. `sync` and `aio` drive it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar

from tidemill.client.errors import AccessRefused, NotReachable, NoVersion, Refused, TooOften, UnknownModel

__all__ = [
    "JSON", "PASSING", "Answer", "Flow", "NoAnswer", "Patience", "Pause", "Request", "ask", "may_pass", "refusal",
    "unreached",
]  # fmt: skip

T = TypeVar("T")
JSON: Final = "application/json"
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
PASSING: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may be answered."""
UNDER_WAY: Final = "under_way"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `again`: it may be sent twice, since the second does nothing more."""

    door: Literal["ingest", "serve"]
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    again: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body as JSON; an empty object where it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return {}

    @property
    def code(self) -> str:
        """The stable name of what is wrong."""
        body = self.json()
        return str(body.get("error", "")) if isinstance(body, dict) else ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """None came. `sent`: whether the request may have reached the platform."""

    why: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is done for so many seconds."""

    seconds: float


Flow: TypeAlias = Generator[Request | Pause, Any, T]


class Patience:
    """How long one thing is tried, and when again: a little later each time, or when the platform says."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._next = FIRST_PAUSE_S

    def pause(self, answer: Answer | NoAnswer) -> Pause | None:
        """How long to wait before the next attempt; None where there is no time left for one."""
        delay = max(self._next * random.uniform(0.8, 1.2), retry_after(answer))
        self._next = min(self._next * 2, LONGEST_PAUSE_S)
        return Pause(delay) if time.monotonic() + delay <= self._until else None


def retry_after(answer: Answer | NoAnswer) -> float:
    """For how many seconds the platform asks to be left alone."""
    said = answer.headers.get("retry-after", "") if isinstance(answer, Answer) else ""
    return float(said) if said.isdigit() else 0.0


def ask(request: Request, patience: Patience) -> Flow[Answer]:
    """The answer to a request; what passes is waited for. Raises NotReachable, Refused."""
    while True:
        answer = yield request
        if not may_pass(request, answer):
            break
        pause = patience.pause(answer)
        if pause is None:
            break
        yield pause
    if isinstance(answer, NoAnswer):
        raise unreached(request.door, answer)
    if answer.status >= 400:
        raise refusal(answer)
    found: Answer = answer
    return found


def unreached(door: str, answer: NoAnswer) -> NotReachable:
    """That none came, as an exception that says what to do."""
    return NotReachable(f"{door} did not answer: {answer.why}. Does it run, and is the address right?")


def may_pass(request: Request, answer: Answer | NoAnswer) -> bool:
    """Whether it makes sense, and does no harm, to send the request again."""
    if isinstance(answer, NoAnswer):
        return request.again or not answer.sent
    if answer.status == 503 and answer.code == "no_version":
        return False
    return answer.status in PASSING or (answer.status == 409 and answer.code == UNDER_WAY)


def refusal(answer: Answer) -> Refused:
    """An answer with an error status as an exception that says what to do."""
    body = answer.json()
    code = answer.code or f"status {answer.status}"
    message = str(body.get("message", "")) if isinstance(body, dict) else ""
    if code in _NOT_THE_KEYS:
        return Refused(f"{code}: {message}", answer.status, code, answer)
    kind: type[Refused] = {401: AccessRefused, 403: AccessRefused, 404: UnknownModel, 429: TooOften}.get(
        answer.status, NoVersion if code == "no_version" else Refused
    )
    cure = _CURES.get(kind, "")
    return kind(f"{code}: {message or 'no reason was told'}{cure}", answer.status, code, answer)


_NOT_THE_KEYS: Final = frozenset({"foreign_origin", "unknown_host"})
"""403 that a key has no part in: the message says what to set."""
_CURES: dict[type[Refused], str] = {
    AccessRefused: ". `tidemill keys create NAME --scope ingest --scope predict` makes a key: Client(key=...)",
    TooOften: ". Ask less often, or give the key another rate: `tidemill keys create NAME --rate 100/second`",
    NoVersion: ". client.wait_for_version(model) waits for the first",
}
