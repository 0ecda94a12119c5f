"""Requests that go on while something else happens: events to ingest, questions to *serve*; what fails is kept."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

PAUSE_S = 0.02


class SteadyLoad:
    """Within the block two threads ask, each on one connection that stays open. `failures`: what was answered
    otherwise than asked; `events`, `answers`: how many went well.
    """

    def __init__(self, ingest: str, serve: str, model: str, row: Callable[[int], dict[str, Any]]) -> None:
        self.failures: list[str] = []
        self.events = self.answers = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._push, args=(ingest, f"/v1/events/{model}", row), daemon=True),
            threading.Thread(target=self._ask, args=(serve, f"/v1/models/{model}/predict", row), daemon=True),
        ]

    def __enter__(self) -> SteadyLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _push(self, url: str, path: str, row: Callable[[int], dict[str, Any]]) -> None:
        for _ in self._posts(url, path, row, 202):
            self.events += 1

    def _ask(self, url: str, path: str, row: Callable[[int], dict[str, Any]]) -> None:
        for _ in self._posts(url, path, row, 200):
            self.answers += 1

    def _posts(self, url: str, path: str, row: Callable[[int], dict[str, Any]], wanted: int) -> Any:
        parts, number = urlsplit(url), 0
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        headers = {"content-type": "application/json"}
        while not self._stop.wait(PAUSE_S):
            number += 1
            try:
                connection.request("POST", path, json.dumps(row(number)).encode(), headers)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{time.time():.1f} {path}: {error!r}")
                connection.close()
                continue
            if response.status == wanted:
                yield number
            else:
                self.failures.append(f"{time.time():.1f} {path}: {response.status} {body[:200]!r}")
        connection.close()
