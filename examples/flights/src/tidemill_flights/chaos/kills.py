"""Kills each process of the platform once while it works, and proves that each kill has bitten."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tidemill_flights.feed.background import Background

POLL_S = 0.1
BACK_WITHIN_S = 60.0


class Killable(Protocol):
    """What the killer needs of a platform."""

    @property
    def restarts(self) -> dict[str, int]: ...
    def pids(self) -> dict[str, int]: ...
    def kill(self, name: str) -> int: ...
    def live(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill. `work`: what was under way at that moment; `down_ms`: until the new process answered its
    liveness probe.
    """

    process: str
    work: str
    pid_before: int
    pid_after: int | None
    restarts: int
    down_ms: float

    @property
    def bitten(self) -> bool:
        """The process was at work, another one has taken its place, and the supervisor counted it."""
        return bool(self.work) and self.pid_after not in (None, self.pid_before) and self.restarts == 1


class Killer(Background):
    """Goes through `at_work` in order; kills a process when its function first names some work that is under
    way.

    One kill at a time, `pause_s` after the process before has come back, so that each meets a platform at
    work. A process that is not at work when its turn comes is tried again after the others.
    """

    def __init__(self, platform: Killable, at_work: Mapping[str, Callable[[], str]], pause_s: float) -> None:
        super().__init__("killer")
        self.kills: list[Kill] = []
        self.failure: BaseException | None = None
        self._platform = platform
        self._at_work = dict(at_work)
        self._pause_s = pause_s

    @property
    def spared(self) -> list[str]:
        """Processes that have not been killed."""
        return sorted(self._at_work)

    def _run(self) -> None:
        try:
            while self._at_work and not self._stop.is_set():
                working = self._look()
                if not working:
                    self._stop.wait(POLL_S)
                    continue
                self._kill(*next(iter(working.items())))
                self._stop.wait(self._pause_s)
                self._look()  # what has grown meanwhile says nothing about the next moment
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.failure = error

    def _look(self) -> dict[str, str]:
        """The processes that are at work now, in their order, each with its work."""
        seen = {name: at_work() for name, at_work in self._at_work.items()}
        return {name: work for name, work in seen.items() if work}

    def _kill(self, name: str, work: str) -> None:
        before = self._platform.restarts.get(name, 0)
        began = time.monotonic()
        pid = self._platform.kill(name)
        del self._at_work[name]
        while time.monotonic() < began + BACK_WITHIN_S:
            now = self._platform.pids().get(name)
            if now not in (None, pid) and self._platform.live(name):
                break
            time.sleep(POLL_S)
        after = self._platform.pids().get(name)
        count = self._platform.restarts.get(name, 0) - before
        self.kills.append(Kill(name, work, pid, after, count, round((time.monotonic() - began) * 1000)))


class Growing:
    """Whether a number has grown lately: `describe` returns text while it does, nothing else."""

    def __init__(self, read: Callable[[], float], text: str, least: float = 1.0) -> None:
        self._read = read
        self._text = text
        self._least = least
        self._last: float | None = None

    def __call__(self) -> str:
        """`text` with the growth in place of {}, where it has grown by `least` since the last call."""
        now = self._read()
        grown = 0.0 if self._last is None else now - self._last
        self._last = now
        return self._text.format(f"{grown:,.0f}") if grown >= self._least else ""
