"""Resident memory of a process, looked at all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.children import Child

SAMPLE_S = 0.005


class Samples:
    """Every 5 ms how many MB a process has, until it or the block of `sampled` ends."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._found: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def between(self, begin: float, end: float) -> np.ndarray:
        """MB from `begin` to `end` (`time.monotonic()`)."""
        found = np.array(self._found)
        return found[(found[:, 0] >= begin) & (found[:, 0] <= end), 1]

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S) and self._child.popen.poll() is None:
            self._found.append((time.monotonic(), self._child.rss_mb()))


@contextmanager
def sampled(child: Child) -> Iterator[Samples]:
    """Look at a process's memory within the block."""
    samples = Samples(child)
    samples.start()
    try:
        yield samples
    finally:
        samples.stop()
