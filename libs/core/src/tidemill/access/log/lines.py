"""Requests as lines of the log, written by a thread of their own: a request waits for none of it.

What stands in a line is chosen, not filtered: no header, body, query or path as it came, for each of them may hold a
secret or somebody's data.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tidemill.access.authorizer import NOBODY, Client
from tidemill.access.limits.throttle import Proxies
from tidemill.access.settings import AccessSettings
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill.web.metrics import UNMATCHED, method_named

__all__ = ["LOGGER", "AccessLog", "Answer", "open_access_log"]

LOGGER: Final = "tidemill.access_log"
EVERY_S = 0.2
MOST_WAITING = 10_000
"""Where so many wait, who brings the next one writes them: a log that drops lines under load is no record of it."""

_log = logging.getLogger(LOGGER)


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that was answered. `at_s`: since the epoch; `caller`: as the gate calls it; `path`: its template, None
    where no route takes it; `model`: as the path has it; `bytes_in`, `bytes_out`: of the bodies, as
    far as they were read and sent; `refused`: the name of
    the gate's refusal.
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


class AccessLog:
    """Takes answers from any thread and writes them in their order. A process that is killed loses what came in the
    last EVERY_S seconds.
    """

    def __init__(self, knows: Callable[[str], bool], proxies: Proxies | None = None) -> None:
        """`knows`: whether there is a model of a name; another name, which may be anything, is not written. `proxies`:
        tells where requests come from.
        """
        self._knows = knows
        self._proxies = proxies or Proxies()
        self._waiting: deque[Answer] = deque()
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def start(self) -> None:
        """Begin to write, whatever level the log has otherwise."""
        _log.setLevel(logging.INFO)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def __enter__(self) -> AccessLog:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, answer: Answer) -> None:
        """Have an answer written soon."""
        self._waiting.append(answer)
        if len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            for _ in range(len(self._waiting)):
                answer = self._waiting.popleft()
                _log.info("request", extra=self._fields(answer))

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.flush()

    def _fields(self, answer: Answer) -> dict[str, object]:
        parent = parse_traceparent(answer.traceparent)
        peer, forwarded = answer.client
        return {
            "ts": datetime.fromtimestamp(answer.at_s, UTC).isoformat(timespec="milliseconds"),
            "trace_id": f"{parent[0]:032x}" if parent is not None else None,
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
