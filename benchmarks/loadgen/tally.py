"""What came of the requests: counts and latencies as numbers, and one line a request where that is wanted."""

from __future__ import annotations

import json
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loadgen.answers import Answer

KEPT_BYTES = 512
"""Of each body, in the records."""
PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p99.9": 99.9, "max": 100}


@dataclass(slots=True)
class Tally:
    """Times are those of `time.monotonic()`. `began`: from here on requests count (by when they were due); before that
    is warm-up. `keep`: a record of each request, the warm ones too.
    """

    began: float
    keep: bool = False
    requests: int = 0
    warm: int = 0
    last: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    warm_errors: Counter[str] = field(default_factory=Counter)
    noted: Counter[tuple[str, ...]] = field(default_factory=Counter)
    took_s: array[float] = field(default_factory=lambda: array("d"))
    late_s: array[float] = field(default_factory=lambda: array("d"))
    records: list[tuple[float, float, int, int, tuple[str, ...], bytes]] = field(default_factory=list)

    def answered(self, due: float, sent: float, number: int, answer: Answer) -> None:
        """`number`: that of the request among those that are sent in turn."""
        now = time.monotonic()
        good = 200 <= answer.status < 300
        if self.keep:
            self.records.append((due, now - due, number, answer.status, answer.noted, answer.body[:KEPT_BYTES]))
        if due < self.began:
            self.warm += 1
            if not good:
                self.warm_errors[f"status {answer.status}"] += 1
            return
        self.requests += 1
        self.last = now
        self.late_s.append(sent - due)
        if good:
            self.took_s.append(now - due)
            self.noted[answer.noted] += 1
        else:
            self.errors[f"status {answer.status}"] += 1

    def failed(self, due: float, number: int, kind: str) -> None:
        """A request without an answer: refused, dropped, timeout, malformed, unanswered."""
        if self.keep:
            self.records.append((due, time.monotonic() - due, number, 0, (), kind.encode()))
        if due < self.began:
            self.warm += 1
            self.warm_errors[kind] += 1
            return
        self.requests += 1
        self.last = time.monotonic()
        self.errors[kind] += 1

    def result(self, headers: tuple[str, ...]) -> dict[str, Any]:
        """As it is printed: milliseconds, requests a second from the first that counts to the last answer."""
        noted: dict[str, dict[str, int]] = {name: {} for name in headers}
        for values, count in self.noted.items():
            for name, value in zip(headers, values, strict=True):
                noted[name][value] = noted[name].get(value, 0) + count
        seconds = self.last - self.began
        return {
            "requests": self.requests,
            "good": len(self.took_s),
            "errors": dict(self.errors),
            "rate": len(self.took_s) / seconds if seconds > 0 else 0.0,
            "seconds": max(0.0, seconds),
            "warm": self.warm,
            "warm_errors": dict(self.warm_errors),
            "ms": percentiles_ms(self.took_s),
            "sent_late_ms": percentiles_ms(self.late_s),
            "headers": noted,
        }

    def write(self, path: Path) -> None:
        """JSON lines, in the order of their answers: `due_ms` (since the epoch of Unix), `ms`, `request`, `status` (0
        without an answer), `headers`, `body` (its start, or the error's kind).
        """
        offset = time.time() - time.monotonic()
        with path.open("w") as file:
            for due, took, number, status, noted, body in self.records:
                line = {
                    "due_ms": (due + offset) * 1000,
                    "ms": took * 1000,
                    "request": number,
                    "status": status,
                    "headers": noted,
                    "body": body.decode(errors="replace"),
                }
                file.write(json.dumps(line) + "\n")


def percentiles_ms(seconds: array[float]) -> dict[str, float]:
    """Percentiles in ms; none of nothing."""
    if not seconds:
        return {}
    found = np.percentile(np.frombuffer(seconds), list(PERCENTILES.values())) * 1000
    return dict(zip(PERCENTILES, found.tolist(), strict=True))
