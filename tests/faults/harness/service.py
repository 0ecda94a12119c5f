"""A service as a process: signals, log, metrics, memory."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.polling import until

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
READY_S = 60.0


@dataclass(eq=False)
class Service:
    """One process. `meant`: the test has ended it itself."""

    name: str
    kind: str
    instance: int
    child: subprocess.Popen[bytes]
    log: Path
    port: int
    meant: bool = False

    @property
    def pid(self) -> int:
        return self.child.pid

    def running(self) -> bool:
        return self.child.poll() is None

    def ended_well(self) -> bool:
        """It runs, or the test has ended it."""
        return self.meant or self.running()

    def send(self, number: signal.Signals) -> None:
        self.child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL."""
        self.meant = True
        self.child.kill()
        self.child.wait(10)

    def terminate(self) -> None:
        """SIGTERM; see `wait`."""
        self.meant = True
        self.child.terminate()

    def wait(self, timeout: float) -> int:
        """Its exit code; fails the test if it does not end in time."""
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end in {timeout:.0f} s: {self.told()}") from None

    def end(self) -> None:
        """Whatever its state, it is gone."""
        if self.running():
            self.child.kill()
            self.child.wait(10)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        if not self.log.exists():
            return []
        found = []
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("{") and line.endswith("}"):
                found.append(json.loads(line))
        return found

    def said(self, text: str) -> int:
        """How many log lines hold `text`."""
        return sum(text in str(line.get("message", "")) for line in self.lines())

    def told(self) -> str:
        """The end of its log, for a failed assertion."""
        console = self.log.with_suffix(".console")
        rest = console.read_text(encoding="utf-8", errors="replace")[-2_000:] if console.exists() else ""
        return "\n".join([*(str(line) for line in self.lines()[-15:]), rest])

    def ready(self) -> bool:
        return self._answers("ready")

    def has_begun(self) -> bool:
        """It answers; a signal that comes before ends it as it ends any process."""
        return self._answers("live")

    def _answers(self, kind: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/{kind}", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def until_ready(self, timeout: float = READY_S) -> Service:
        until(lambda: self.ready() or not self.running(), timeout, f"{self.name} is ready", every=0.1)
        assert self.running(), self.told()
        return self

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 where there is none."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
        total = 0.0
        for line in text.splitlines():
            found = _SAMPLE.match(line)
            if found and found[1] == name:
                has = found[2] or ""
                if all(f'{key}="{value}"' in has for key, value in labels.items()):
                    total += float(found[3])
        return total

    def rss_mb(self) -> float:
        return float(psutil.Process(self.pid).memory_info().rss / 1_048_576)
