"""SIGTERM and SIGINT as an event that loops watch."""

from __future__ import annotations

import signal
import threading
from types import FrameType

__all__ = ["StopSignal"]


class StopSignal(threading.Event):
    """Set by the first SIGTERM or SIGINT; a second SIGINT ends the process at once, as Ctrl-C twice does
    anywhere.

    `install()` must be called in the main thread. Use it wherever an Event is wanted.
    """

    def install(self) -> StopSignal:
        """Take over both signals; returns itself."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.set()
