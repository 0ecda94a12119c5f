"""Clients of the platform's REST: one that asks for predictions without a pause, one that pushes a share of
the events.
"""

from __future__ import annotations

import http.client
import json
import queue
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from tidemill.telemetry.traceparent import new_traceparent
from tidemill_flights.feed.background import Background

TIMEOUT_S = 10.0
RETRY_AFTER_S = 10.0
RETRY_POLL_S = 0.1


class Http:
    """One kept-alive connection to one address. Not safe to share between threads."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError or http.client.HTTPException where the connection
        fails.
        """
        headers = {"traceparent": new_traceparent(0.01).decode()}
        if body is not None:
            headers["content-type"] = kind
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """Drops the connection; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(slots=True)
class RestState:
    """What the prediction client has seen. `latencies_ms`: of answered requests; `versions`: answers by model
    version; `latest`: the version of the last answer.
    """

    requests: int = 0
    errors: int = 0
    retries: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    latest: int | None = None
    first_error: str = ""
    began: float | None = None
    ended: float | None = None

    def rate(self) -> float:
        """Requests a second from the first one to the last."""
        seconds = (self.ended or time.monotonic()) - (self.began or time.monotonic())
        return self.requests / seconds if seconds > 0 else 0.0

    def percentile(self, share: float) -> float | None:
        """Latency in ms at a percentile (0 to 100)."""
        return round(float(np.percentile(self.latencies_ms, share)), 1) if self.latencies_ms else None


class Predicting(Background):
    """Asks at a steady rate from the first readiness on, about the flight that the stream has just reached.

    A request that fails for its connection is tried once more: at once, or with `patient` after the server is
    ready again (bounded), as a client with a load balancer in front would. What fails then, and every answer
    that does not name one version, is an error.
    """

    def __init__(
        self, url: str, model: str, row: Callable[[], dict[str, Any]], rate: float, patient: bool = False
    ) -> None:
        super().__init__("rest-predict")
        self.state = RestState()
        self._http = Http(url)
        self._path = f"/v1/models/{model}/predict"
        self._row = row
        self._every_s = 1 / rate
        self._patient = patient

    def _run(self) -> None:
        while not self._stop.is_set() and not self._ready():
            self._stop.wait(RETRY_POLL_S)
        if self._stop.is_set():
            return
        due = self.state.began = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._ask()
            due += self._every_s  # a slow answer is caught up with: the rate holds on average
        self.state.ended = time.monotonic()
        self._http.close()

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", "/health/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _ask(self) -> None:
        body = json.dumps(self._row()).encode()
        self.state.requests += 1
        began = time.monotonic()
        try:
            answer = self._once_more(body)
        except (OSError, http.client.HTTPException) as error:
            self._failed(f"{type(error).__name__}: {error}")
            return
        self.state.latencies_ms.append((time.monotonic() - began) * 1000)
        self._check(*answer)

    def _once_more(self, body: bytes) -> tuple[int, bytes]:
        try:
            return self._http.request("POST", self._path, body)
        except (OSError, http.client.HTTPException):
            self.state.retries += 1
            until = time.monotonic() + (RETRY_AFTER_S if self._patient else 0)
            while time.monotonic() < until and not self._stop.is_set() and not self._ready():
                self._stop.wait(RETRY_POLL_S)
            return self._http.request("POST", self._path, body)

    def _check(self, status: int, answer: bytes) -> None:
        if status != 200:
            self._failed(f"{status}: {answer[:200].decode(errors='replace')}")
            return
        versions = versions_in(json.loads(answer))
        if len(versions) != 1:
            self._failed(f"an answer names the versions {sorted(versions)}")
            return
        self.state.latest = versions.pop()
        self.state.versions[self.state.latest] += 1

    def _failed(self, what: str) -> None:
        self.state.errors += 1
        self.state.first_error = self.state.first_error or what


def versions_in(answer: Any) -> set[int]:
    """All model versions that an answer names, at whatever depth."""
    if isinstance(answer, list):
        return set().union(*(versions_in(item) for item in answer))
    if not isinstance(answer, dict):
        return set()
    found = {int(value) for key, value in answer.items() if key in ("version", "model_version") and value is not None}
    return found.union(*(versions_in(value) for value in answer.values()))


@dataclass(slots=True)
class IngestState:
    """What the pushing client has seen: rows accepted (202), posts that had to be repeated, rows refused."""

    accepted: int = 0
    repeats: int = 0
    refused: int = 0
    waiting: int = 0
    first_refusal: str = ""


class Pushing(Background):
    """Sends rows through ingest as NDJSON, in order, in small batches; what is not acknowledged is sent again
    until it is.

    A post that was stored but whose answer was lost is so pushed twice: the expectation `unique` sets the
    repeat aside.
    """

    def __init__(self, url: str, model: str, every_s: float = 0.5) -> None:
        super().__init__("rest-push")
        self.state = IngestState()
        self._http = Http(url)
        self._path = f"/v1/events/{model}"
        self._every_s = every_s
        self._rows: queue.Queue[dict[str, Any]] = queue.Queue()

    def put(self, rows: pa.RecordBatch) -> None:
        """Queues rows."""
        self.state.waiting += len(rows)
        for row in json_rows(rows):
            self._rows.put(row)

    def finish(self, timeout_s: float) -> bool:
        """Waits until all queued rows are settled, then stops; whether they were in time."""
        deadline = time.monotonic() + timeout_s
        while self.state.waiting and time.monotonic() < deadline:
            time.sleep(RETRY_POLL_S)
        self._stop.set()
        self._thread.join()
        self._http.close()
        return not self.state.waiting

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            rows = []
            while not self._rows.empty():
                rows.append(self._rows.get_nowait())
            if rows:
                self._settle(rows)

    def _settle(self, rows: list[dict[str, Any]]) -> None:
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        while not self._stop.is_set():
            try:
                status, answer = self._http.request("POST", self._path, body, "application/x-ndjson")
            except (OSError, http.client.HTTPException):
                status, answer = 503, b""
            if status == 202:
                self.state.accepted += len(rows)
                break
            if status < 500 and status != 429:
                self.state.refused += len(rows)
                self.state.first_refusal = (
                    self.state.first_refusal or f"{status}: {answer[:300].decode(errors='replace')}"
                )
                break
            self.state.repeats += 1
            self._stop.wait(self._every_s)
        self.state.waiting -= len(rows)


def json_rows(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as JSON objects: times as ISO 8601, nulls left out."""
    return [{name: _json(value) for name, value in row.items() if value is not None} for row in rows.to_pylist()]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
