"""A thread with a beginning and an end, as the demo has several."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """Works in a thread of its own from `start()` to `stop()`; `_run` works until `_stop` is set."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Lets what is under way end in good order; returns when it has. Harmless before a start."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """The thread's work."""
