"""What the platform weighs: the proportional set size of all its processes together, sampled."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from tidemill_flights.feed.background import Background

EVERY_S = 1.0
KB_PER_MB = 1024


def give_back() -> None:
    """Hands freed memory back to the system where the C library knows how to (glibc).

    Reading a topic leaves a heap full of holes, and the next one is read by threads with other heaps.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class MemoryWatch(Background):
    """Samples PSS (a page shared by n processes counts 1/n in each) of this process and all its descendants.

    `names`: process ids of named processes; descendants count for the named process above them, the rest for "demo". On
    systems without /proc the resident set size stands in, which counts shared pages more than once.
    """

    def __init__(self, names: Callable[[], dict[str, int]]) -> None:
        super().__init__("memory")
        self.peak_mb = 0.0
        self.at_peak: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self._names = names

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._sample()

    def _sample(self) -> None:
        import psutil

        named = {pid: name for name, pid in self._names().items()}
        weights = {"demo": _pss_mb(None)}
        for child in psutil.Process().children():
            name = named.get(child.pid, "demo")
            try:
                family = [child.pid, *(process.pid for process in child.children(recursive=True))]
            except psutil.NoSuchProcess:
                continue
            weights[name] = weights.get(name, 0.0) + sum(_pss_mb(pid) for pid in family)
        for name, weight in weights.items():
            self.peaks[name] = max(self.peaks.get(name, 0.0), weight)
        total = sum(weights.values())
        if total > self.peak_mb:
            self.peak_mb, self.at_peak = total, weights


def _pss_mb(pid: int | None) -> float:
    path = Path(f"/proc/{pid or 'self'}/smaps_rollup")
    try:
        for line in path.read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / KB_PER_MB
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return _rss_mb(pid)
    return 0.0


def _rss_mb(pid: int | None) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).memory_info().rss) / KB_PER_MB / KB_PER_MB
    except psutil.Error:
        return 0.0  # it ended between the listing and now: it weighs nothing
