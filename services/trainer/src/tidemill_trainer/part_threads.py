"""Threads that end together: the process lives only while all of its parts do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

GRACE_S = 15.0
"""How long the parts have to end after a stop; what is under way is safe to drop."""


class Parts:
    """Runs named loops as threads. The first that fails stops the others, and its exception is raised by `run`."""

    def __init__(self, loops: Mapping[str, Callable[[], None]], stop: threading.Event) -> None:
        self._stop = stop
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(name, loop), name=name, daemon=True)
            for name, loop in loops.items()
        ]

    def run(self) -> None:
        """Start all, wait for the stop, wait for their end. Raises the first failure."""
        for thread in self._threads:
            thread.start()
        self._stop.wait()
        deadline = time.monotonic() + GRACE_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                _log.warning("%s did not end in time and is left behind", thread.name)
        if self._failures:
            raise self._failures[0]

    def _guarded(self, name: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 - it ends the process, which says it
            _log.exception("%s has failed", name)
            self._failures.append(error)
        finally:
            self._stop.set()
