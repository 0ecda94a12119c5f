"""What is wrong at the moment, said once when it begins and once when it is over."""

from __future__ import annotations

import logging
import time

__all__ = ["Trouble"]


class Trouble:
    """The state "working" or "waiting because of X" of one loop; a readiness check."""

    def __init__(self, logger: logging.Logger) -> None:
        self._log = logger
        self._reason: str | None = None
        self._kind: str | None = None
        self._since = 0.0

    def enter(self, kind: str, reason: str) -> None:
        """Something is in the way. Logged once per `kind`, however often it is said."""
        if self._kind is None:
            self._since = time.monotonic()
        if kind != self._kind:
            self._log.warning("%s: %s", kind, reason)
        self._kind, self._reason = kind, reason

    def clear(self) -> None:
        """Work goes on."""
        if self._kind is not None:
            self._log.info("%s: over after %.1f s", self._kind, time.monotonic() - self._since)
            self._kind = self._reason = None

    def __call__(self) -> str | None:
        kind, reason = self._kind, self._reason
        return None if kind is None else f"{kind}: {reason}"
