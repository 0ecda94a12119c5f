"""Processes under measurement: started alone, watched until their output is complete, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness.world import ROOT, VAR, World, Written
from tidemill_embedded.ports import Ports
from tidemill_embedded.processes.children import kill_group, spawn

QUIET_S = 1.0
POLL_S = 0.1
STOP_S = 5.0
METRICS_S = 5.0


@dataclass(slots=True)
class Child:
    """One process. `log` holds what it said."""

    popen: subprocess.Popen[bytes]
    log: Path
    port: int = 0

    def check(self) -> None:
        """Raise with the last of its log where it has ended by itself."""
        if self.popen.poll() is not None:
            raise RuntimeError(f"ended with {self.popen.returncode}: {self.log.read_text()[-2_000:]}")

    def rss_mb(self) -> float:
        """Resident memory now."""
        return float(psutil.Process(self.popen.pid).memory_info().rss) / 2**20

    def cpu_s(self) -> float:
        """Processor time so far, user and system."""
        times = psutil.Process(self.popen.pid).cpu_times()
        return float(times.user + times.system)

    def metrics(self) -> dict[str, float]:
        """Every sample of its /metrics, as `name{labels}` to value; empty where it has none."""
        if not self.port:
            return {}
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=METRICS_S) as answer:
            text = answer.read().decode()
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, _, value in pairs}

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not heard; to what it has started and left behind, too."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_S)
        kill_group(self.popen.pid)
        self.popen.wait()


def python(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    interpreter: str = sys.executable,
    log_name: str = "",
) -> Child:
    """Start `python -m module`, with the repository on its path. It ends with this process, however that ends.
    `log_name`: the module's last name without one.
    """
    log = VAR / f"{log_name or module.rpartition('.')[2]}.log"
    log.unlink(missing_ok=True)
    path = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    return Child(
        spawn(
            [interpreter, "-m", module, *arguments],
            {**os.environ, "PYTHONPATH": path, **(environment or {})},
            log,
            ROOT,
        ),
        log,
    )


def service(world: World, prefix: str, module: str, *arguments: str, **settings: object) -> Child:
    """Start one of our services as a user would, by environment variables."""
    port = Ports().take("metrics")
    own = {
        "kafka_bootstrap": world.bootstrap,
        "prefix": prefix,
        "schemas": world.folder / "schemas",
        "models_dir": world.folder / "models",
        "port": port,
        "log_level": "WARNING",
        "auth": "off",
        "signatures": "off",  # benchmarks make their models themselves
        "artifacts": (world.folder / "artifacts" / prefix).as_uri(),
    }
    environment = {f"TIDEMILL_{name.upper()}": str(value) for name, value in {**own, **settings}.items()}
    child = python(module, *arguments, environment=environment, log_name="-".join((module, *arguments)))
    child.port = port
    return child


def drained(world: World, children: Sequence[Child], topics: Sequence[str], records: int, timeout_s: float) -> None:
    """Wait until so many records are on `topics` together and nothing more comes.

    Transaction markers count among the records, so the end is a quiet second.
    """
    deadline = time.monotonic() + timeout_s
    seen, since = -1, time.monotonic()
    while True:
        for child in children:
            child.check()
        now = world.end_of(*topics)
        if now != seen:
            seen, since = now, time.monotonic()
        if seen >= records and time.monotonic() - since > QUIET_S:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{seen} of {records} records on {topics[0]}: {last_words(children)}")
        time.sleep(POLL_S)


def measured(
    world: World,
    child: Child,
    topics: str | Sequence[str],
    records: int,
    *,
    timeout_s: float = 240.0,
    before_stop: Callable[[Child], object] = lambda child: None,
) -> Written:
    """The rate at which a process writes `records` records to `topics`; the process is stopped at the end."""
    names = [topics] if isinstance(topics, str) else topics
    try:
        drained(world, [child], names, records, timeout_s)
        before_stop(child)
    finally:
        child.stop()
    return world.written(*names)


def stages(metrics: Mapping[str, float], records: int) -> dict[str, float]:
    """Microseconds a record in each stage of the loop, from the runtime's own counters."""
    prefix = 'tidemill_stage_seconds_total{stage="'
    found = {key[len(prefix) : -2]: value for key, value in metrics.items() if key.startswith(prefix)}
    return {stage: seconds * 1e6 / max(1, records) for stage, seconds in found.items()}


def last_words(children: Sequence[Child]) -> str:
    """The ends of all logs."""
    return "\n".join(child.log.read_text()[-1_000:] for child in children)
