"""A circuit breaker: after some failures in a row a helper is left alone for a while, then tried with one call.

M. Nygard, Release It! (2nd ed., 2018), ch. 5. Used where work goes on without the helper: it spares every request
the time that finding the outage anew would take.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Ask `allows()` before a call and report its end by `succeeded()` or `failed()`. Thread-safe."""

    def __init__(
        self,
        name: str,
        *,
        failures: int = 3,
        rest_s: float = 5.0,
        monotonic_s: Callable[[], float] = time.monotonic,
        on_change: Callable[[str, bool], None] = lambda name, open_: None,
    ) -> None:
        """`failures` in a row open it, for `rest_s`. `on_change` is told name and whether it is open."""
        self.name = name
        self._most = failures
        self._rest_s = rest_s
        self._monotonic_s = monotonic_s
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the helper is left alone (or is being tried)."""
        return self._until is not None

    def allows(self) -> bool:
        """Whether to call the helper now. Of those who ask an open breaker one is let through after each rest."""
        if self._until is None:
            return True
        with self._lock:
            now = self._monotonic_s()
            if self._until is None or now < self._until:
                return self._until is None
            self._until = now + self._rest_s
            return True

    def succeeded(self) -> None:
        """The helper has answered."""
        if self._failures == 0 and self._until is None:
            return
        with self._lock:
            was_open = self._until is not None
            self._failures, self._until = 0, None
        if was_open:
            self._on_change(self.name, False)

    def failed(self) -> None:
        """The helper has not answered."""
        with self._lock:
            self._failures += 1
            opens = self._until is None and self._failures >= self._most
            if self._failures >= self._most:
                self._until = self._monotonic_s() + self._rest_s
        if opens:
            self._on_change(self.name, True)
