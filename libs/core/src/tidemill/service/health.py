"""Liveness and readiness as named checks: each says nothing, or the reason why not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidemill.secret_files import without_store_keys

__all__ = ["Check", "Health", "Heartbeat", "Report"]

Check = Callable[[], str | None]
"""Returns None where all is well, else the reason in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks of one kind; `reasons` has one entry per failed check. `facts`: what is told besides,
    by name.
    """

    ok: bool
    reasons: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """As HTTP says it."""
        return 200 if self.ok else 503

    @property
    def content(self) -> dict[str, Any]:
        """The body of the answer, for JSON."""
        return {"status": "ok" if self.ok else "failed", "reasons": self.reasons, **self.facts}


class Health:
    """The checks of one process. Live: restart it if not. Ready: send it no traffic if not. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._facts: dict[str, Callable[[], Any]] = {}

    def add_fact(self, name: str, tell: Callable[[], Any]) -> None:
        """Add or replace something that is told with readiness and decides nothing; `tell` gives it as JSON has it."""
        with self._lock:
            self._facts[name] = tell

    def add_live(self, name: str, check: Check) -> None:
        """Add or replace the liveness check `name`."""
        with self._lock:
            self._live[name] = check

    def add_ready(self, name: str, check: Check) -> None:
        """Add or replace the readiness check `name`."""
        with self._lock:
            self._ready[name] = check

    def live(self) -> Report:
        """Outcome of the liveness checks."""
        return self._report(self._live)

    def ready(self) -> Report:
        """Outcome of readiness and liveness checks together: what is not live is not ready."""
        report = self._report(self._live | self._ready)
        with self._lock:
            facts = dict(self._facts)
        return Report(report.ok, report.reasons, {name: tell() for name, tell in facts.items()})

    def _report(self, checks: dict[str, Check]) -> Report:
        with self._lock:
            named = list(checks.items())
        reasons = {name: without_store_keys(reason) for name, check in named if (reason := _ask(check)) is not None}
        return Report(ok=not reasons, reasons=reasons)


class Heartbeat:
    """A liveness check for a loop: it beats, and is taken for stuck after `max_age_s` without a beat."""

    def __init__(self, max_age_s: float = 60.0, *, now: Callable[[], float] = time.monotonic) -> None:
        self._max_age_s = max_age_s
        self._now = now
        self._last = now()

    def beat(self) -> None:
        """The loop has turned once."""
        self._last = self._now()

    def __call__(self) -> str | None:
        age = self._now() - self._last
        return None if age <= self._max_age_s else f"the loop has not turned for {age:.0f} s"


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks is a failed check
        return f"{type(error).__name__}: {error}"
