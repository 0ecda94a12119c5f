"""How many replicas there were and how far they lagged, when; and a process killed at every step of it."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes.cluster.api import Api
from tests.kubernetes.lags import Lags
from tests.kubernetes.node.node import Node

EVERY_S = 0.5


@dataclass(slots=True)
class Replicas:
    """Of StatefulSets, from a beginning on: `steps` has (seconds, wanted replicas) and `lagged` (seconds, lag) wherever
    that changed. At each step a process is killed: at once, or as soon as there is one.
    """

    api: Api
    namespace: str
    lags: Lags
    nodes: Sequence[Node]
    seed: int = 7
    steps: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    lagged: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    failed: Exception | None = None
    _owed: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to look, twice a second, and to kill."""
        self._thread = threading.Thread(target=self._work, name="replicas", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it. Raises what went wrong meanwhile."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)
        if self.failed is not None:
            raise self.failed

    def now(self, name: str) -> int:
        """Wanted replicas of the last look; 0 before the first. Raises what went wrong meanwhile."""
        if self.failed is not None:
            raise self.failed
        return self.steps[name][-1][1] if self.steps.get(name) else 0

    def most(self, name: str, after: int = 0) -> int:
        """The largest number there was, but for the first steps."""
        return max((count for _, count in self.steps.get(name, [])[after:]), default=0)

    def _work(self) -> None:
        began, chance = time.monotonic(), random.Random(self.seed)
        try:
            while not self._stop.wait(EVERY_S):
                for node in self.nodes:
                    node.check()
                for name in self.lags.groups:
                    at = round(time.monotonic() - began, 1)
                    _note(self.lagged.setdefault(name, []), at, self.lags.now(name))
                    if _note(self.steps.setdefault(name, []), at, self._wanted(name)) and len(self.steps[name]) > 1:
                        self._owed[name] += 1
                    if self._owed[name] and self._killed_one(name, chance):
                        self._owed[name] -= 1
        except Exception as error:  # noqa: BLE001  raised again by `stop`
            self.failed = error

    def _wanted(self, name: str) -> int:
        found: Any = self.api.get(f"/apis/apps/v1/namespaces/{self.namespace}/statefulsets/{name}")
        return int(found["spec"].get("replicas", 0))

    def _killed_one(self, name: str, chance: random.Random) -> bool:
        """SIGKILL to one of its pods' processes; whether one ran."""
        pods = self.api.get(
            f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=f"app.kubernetes.io/name={name}"
        )["items"]
        running = [
            (pod["metadata"]["name"], pid)
            for pod in pods
            for node in self.nodes
            for pid in node.pids(pod["metadata"]["name"])
        ]
        if running:
            pod, pid = chance.choice(sorted(running))
            os.kill(pid, signal.SIGKILL)
            self.killed.append(pod)
        return bool(running)


def _note(noted: list[tuple[float, int]], at: float, value: int) -> bool:
    """Adds what has changed; whether it has."""
    changed = not noted or noted[-1][1] != value
    if changed:
        noted.append((at, value))
    return changed
