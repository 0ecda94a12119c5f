"""Runs child processes: starts them, starts them again when they end, ends them all together.

One thread does everything to the children, since the kernel ties a child's life to the thread that started it
(`children.spawn`): however this process ends, its children end with it.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidemill_embedded.errors import PlatformError
from tidemill_embedded.processes.children import kill_group, spawn
from tidemill_embedded.processes.restart_policy import GiveUp, RestartHistory, RestartPolicy, describe

POLL_S = 0.05
GRACE_S = 14.0
LAST_GRACE_S = 5.0
LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A child: its name, command and whole environment; `url` answers 200 once it lives (None: nothing to ask).

    One with `last` ends after all others have ended: the broker, which they need for their last commits.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    url: str | None = None
    last: bool = False


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    history: RestartHistory
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """News for whoever looks on: a child ended, and comes back after `back_in_s` seconds (None: it does not)."""

    name: str
    code: int
    back_in_s: float | None

    def __str__(self) -> str:
        after = "" if self.back_in_s is None else f", started again in {self.back_in_s:.1f} s"
        return f"{self.name} ended {describe(self.code)}{after}"


@dataclass(slots=True)
class Supervisor:
    """Children by name. `on_news` (one ended) and `on_start` (name, pid) are called from the supervising
    thread and must not block.

    A child that ends is started again after a pause (`RestartPolicy`). Where that is hopeless everything is
    ended, `failure` says why and `wait` returns.
    """

    cwd: Path
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    on_news: Callable[[Ended], None] = lambda news: None
    on_start: Callable[[str, int], None] = lambda name, pid: None
    clock: Callable[[], float] = time.monotonic
    failure: str | None = None
    overdue: list[str] = field(default_factory=list)
    """Children that did not end within their grace at the stop and were killed."""
    _children: dict[str, _Child] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def add(self, spec: ProcessSpec) -> None:
        """Takes a child on; it is started within a moment. The first one starts the supervising thread."""
        with self._lock:
            if spec.name in self._children:
                raise ValueError(f"there is a child {spec.name!r} already")
            self._children[spec.name] = _Child(spec, RestartHistory(self.policy))
            if self._thread is None:
                self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ends all children and returns when they have ended: SIGTERM, then SIGKILL for those that take too
        long.

        At most 20 s: 14 for the others, then 5 for those marked `last`. Further calls do nothing.
        """
        self._stop.set()
        if self._thread is not None:
            self._ended.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until all children have ended (asked to, or after a failure); whether they have."""
        return self._ended.wait(timeout_s)

    def check(self) -> None:
        """Raises PlatformError where the supervisor has given up."""
        if self.failure is not None:
            raise PlatformError(self.failure)

    def pids(self) -> dict[str, int]:
        """The process ids of the children that run now."""
        with self._lock:
            return {name: child.process.pid for name, child in self._children.items() if child.process}

    def restarts(self) -> dict[str, int]:
        """How often each child was started again."""
        with self._lock:
            return {name: child.history.restarts for name, child in self._children.items()}

    def kill(self, name: str) -> int:
        """SIGKILL to one child, as an out-of-memory killer would; it comes back. Returns the pid that was
        killed.

        Raises:
            PlatformError: it does not run at the moment.
        """
        with self._lock:
            process = self._children[name].process
            if process is None:
                raise PlatformError(f"{name} does not run at the moment")
            kill_group(process.pid)
            return process.pid

    def _supervise(self) -> None:
        try:
            while not self._stop.wait(POLL_S):
                with self._lock:
                    for child in list(self._children.values()):
                        self._look_after(child)
        finally:
            if not self._stop.is_set():  # a defect of ours: the thread's exception goes to stderr
                self.failure = "the supervisor itself failed; its traceback is above"
            self._end_all()
            self._ended.set()

    def _look_after(self, child: _Child) -> None:
        if child.process is None:
            if self.clock() >= child.start_at and self.failure is None:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        kill_group(child.process.pid)  # what it started itself and left behind
        child.process = None
        verdict = child.history.ended(code, self.clock())
        if isinstance(verdict, GiveUp):
            name, log = child.spec.name, child.spec.log
            self.failure = f"{name} {verdict.reason}. Its log, {log}, ends with:\n{last_lines(log)}"
            self.on_news(Ended(child.spec.name, code, None))
            self._stop.set()
            return
        child.start_at = self.clock() + verdict.after_s
        self.on_news(Ended(child.spec.name, code, verdict.after_s))

    def _start(self, child: _Child) -> None:
        try:
            child.process = spawn(child.spec.argv, child.spec.env, child.spec.log, self.cwd)
        except OSError as error:
            self.failure = f"{child.spec.name} cannot be started: {error}"
            self._stop.set()
            return
        self.on_start(child.spec.name, child.process.pid)

    def _end_all(self) -> None:
        with self._lock:
            children = [child for child in self._children.values() if child.process is not None]
            self._end([child for child in children if not child.spec.last], GRACE_S)
            self._end([child for child in children if child.spec.last], LAST_GRACE_S)

    def _end(self, children: list[_Child], grace_s: float) -> None:
        processes = [child.process for child in children if child.process is not None]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        for child, process in zip(children, processes, strict=True):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.overdue.append(child.spec.name)
            kill_group(process.pid)
            process.wait()
            child.process = None


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """The end of a log file, for a message."""
    if not log.exists():
        return "(it is empty)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) or "(it is empty)"
