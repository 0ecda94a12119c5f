"""Requests as lines of the log.

What stands in a line is chosen, not filtered: no header, body, query or path as it came, for each of them may hold a
secret or somebody's data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tidemill.access.authorizer import NOBODY, Client
from tidemill.access.limits.throttle import Proxies
from tidemill.access.settings import AccessSettings
from tidemill.telemetry.line_writer import LineWriter
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill.web.metrics import UNMATCHED, method_named

__all__ = ["LOGGER", "AccessLog", "Answer", "open_access_log"]

LOGGER: Final = "tidemill.access_log"


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that was answered. `at_s`: since the epoch; `caller`: as the gate calls it; `path`: its template, None
    where no route takes it; `model`: as the path has it; `bytes_in`, `bytes_out`: of the bodies, as far as they were
    read and sent; `refused`: the name of the gate's refusal; `trace_id`: of its span, where one was recorded, else
    `traceparent` has it.
    """

    at_s: float
    seconds: float
    request_id: str
    method: str
    path: str | None
    model: str | None
    status: int
    bytes_in: int
    bytes_out: int
    caller: str | None = None
    refused: str | None = None
    client: Client = NOBODY
    traceparent: bytes | None = None
    trace_id: str | None = None


class AccessLog(LineWriter[Answer]):
    """The access log of one process."""

    def __init__(self, knows: Callable[[str], bool], proxies: Proxies | None = None) -> None:
        """`knows`: whether there is a model of a name; another name, which may be anything, is not written. `proxies`:
        tells where requests come from.
        """
        super().__init__(LOGGER, "request", lambda answer: (self._line(answer),))
        self._knows = knows
        self._proxies = proxies or Proxies()

    def _line(self, answer: Answer) -> dict[str, object]:
        parent = parse_traceparent(answer.traceparent)
        peer, forwarded = answer.client
        return {
            "ts": datetime.fromtimestamp(answer.at_s, UTC).isoformat(timespec="milliseconds"),
            "trace_id": answer.trace_id or (f"{parent[0]:032x}" if parent is not None else None),
            "model_version": None,  # whoever writes the line may be at work with another request's
            "request_id": answer.request_id,
            "caller": answer.caller,
            "client": self._proxies.address(peer, forwarded.decode("latin-1")),
            "method": method_named(answer.method),
            "path": answer.path or UNMATCHED,
            "model": answer.model if answer.model is not None and self._knows(answer.model) else None,
            "status": answer.status,
            "refused": answer.refused,
            "bytes_in": answer.bytes_in,
            "bytes_out": answer.bytes_out,
            "ms": round(answer.seconds * 1_000, 3),
        }


def open_access_log(settings: AccessSettings, knows: Callable[[str], bool]) -> AccessLog | None:
    """The access log that the settings ask for; None where they ask for none. Nothing is written yet."""
    if settings.access_log != "on":
        return None
    return AccessLog(knows, Proxies(settings.trusted_proxies))
