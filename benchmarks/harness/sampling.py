"""Resident memory of a process, looked at all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.harness.children import Child

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


def in_models(base: float, file_mb: float, steps: list[tuple[float, float]]) -> dict[str, float]:
    """`steps`: peak and MB after the first load and each swap. `during`, `after`: models above the base at most;
    `rise`: models by which a straight line through what is left after the swaps rises from the first to the last.
    """
    peaks, after = np.array(steps).T
    model = after[0] - base + file_mb
    slope = float(np.polyfit(np.arange(len(after) - 1), after[1:], 1)[0]) if len(after) > 2 else 0.0
    return {
        "base MB": base,
        "file MB": file_mb,
        "model MB": float(model),
        "first load's peak MB": float(peaks[0] - base),
        "during": float((peaks[1:].max() - base) / model),
        "after": float((after[1:].max() - base) / model),
        "rise": slope * (len(after) - 2) / float(model),
    }
