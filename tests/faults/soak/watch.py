"""Looks at every process of a soak, second by second: memory, file handles, threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.faults.harness.service import Service
from tests.faults.soak.slopes import Incarnation, Sample

EVERY_S = 1.0
MB = 1_048_576
READERS = "tokio-rt-worker"


class Watch:
    """Samples the processes of `services` (by kind, as they are now) until closed. `seen`: every incarnation."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self.seen: dict[tuple[str, int], Incarnation] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            for kind, service in list(self._services.items()):
                if service.running():
                    self._look(kind, service.pid)

    def _look(self, kind: str, pid: int) -> None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                age = time.time() - process.create_time()
                names = _threads(pid)
                readers = names.count(READERS)
                size = process.memory_info().rss / MB
                sample = Sample(age, size, process.num_fds(), len(names) - readers, readers)
        except (psutil.NoSuchProcess, FileNotFoundError):  # it has been killed since
            return
        self.seen.setdefault((kind, pid), Incarnation(kind, pid)).samples.append(sample)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)


def _threads(pid: int) -> list[str]:
    """Their names, of those that have not ended meanwhile."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found.append((task / "comm").read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
