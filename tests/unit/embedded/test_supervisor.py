"""Children are started, started again and ended; tried with small real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.polling import until
from tidemill_embedded.errors import PlatformError
from tidemill_embedded.processes.restart_policy import RestartPolicy
from tidemill_embedded.processes.supervisor import ProcessSpec, Supervisor

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
FAST = RestartPolicy(first_s=0.01, longest_s=0.02, limit=3, window_s=60.0, fenced_s=0.01)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, FAST)
    yield supervisor
    supervisor.stop()


def spec(name: str, code: str, folder: Path, *, last: bool = False) -> ProcessSpec:
    argv = [sys.executable, "-S", "-c", code]
    return ProcessSpec(name, argv, dict(os.environ), folder / f"{name}.log", last=last)


def pid_of(supervisor: Supervisor, name: str) -> int:
    return until(lambda: supervisor.pids().get(name, 0), 5, f"{name} runs")


def test_a_killed_child_comes_back_and_is_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(spec("one", SLEEPER, tmp_path))
    first = pid_of(supervisor, "one")
    assert supervisor.kill("one") == first
    until(lambda: supervisor.pids().get("one", first) != first, 5, "it comes back")
    assert supervisor.restarts() == {"one": 1}
    supervisor.check()


def test_a_child_that_keeps_crashing_takes_all_down_and_its_last_words_are_told(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(spec("good", SLEEPER, tmp_path))
    good = pid_of(supervisor, "good")
    supervisor.add(spec("bad", "print('no more wind'); raise SystemExit(1)", tmp_path))
    assert supervisor.wait(10)
    with pytest.raises(PlatformError, match=r"bad ended 4 times.*bad\.log.*\n(.*\n)*no more wind"):
        supervisor.check()
    assert not psutil.pid_exists(good)


def test_a_wrong_configuration_is_told_at_once(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(spec("bad", "print('port: not a number'); raise SystemExit(2)", tmp_path))
    assert supervisor.wait(10)
    assert supervisor.restarts() == {"bad": 0}
    with pytest.raises(PlatformError, match=r"configuration(.*\n)*port: not a number"):
        supervisor.check()


def test_a_command_that_does_not_exist_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(ProcessSpec("ghost", [str(tmp_path / "ghost")], {}, tmp_path / "ghost.log"))
    assert supervisor.wait(10)
    with pytest.raises(PlatformError, match="ghost cannot be started"):
        supervisor.check()


def test_children_marked_last_end_after_the_others(supervisor: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    code = """
        import signal, sys, time
        def end(*_):
            time.sleep({pause})
            open({ends!r}, "a").write({name!r} + chr(10))
            sys.exit(0)
        signal.signal(15, end)
        print("ready", flush=True)
        time.sleep(600)
    """
    for name, last, pause in (("broker", True, 0), ("service", False, 0.2)):
        text = textwrap.dedent(code).format(pause=pause, ends=str(ends), name=name)
        supervisor.add(spec(name, text, tmp_path, last=last))
    for name in ("broker", "service"):
        log = tmp_path / f"{name}.log"
        until(lambda log=log: log.exists() and log.read_text(), 5, f"{name} is ready")
    supervisor.stop()
    assert ends.read_text().split() == ["service", "broker"]


def test_a_child_that_ignores_sigterm_is_killed(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill_embedded.processes.supervisor.GRACE_S", 0.2)
    supervisor.add(spec("deaf", STUBBORN, tmp_path))
    pid = pid_of(supervisor, "deaf")
    until(lambda: "deaf" in (tmp_path / "deaf.log").read_text(), 5, "it ignores SIGTERM")
    supervisor.stop()
    assert not psutil.pid_exists(pid)


def test_what_a_killed_child_had_started_goes_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    code = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-S", "-c", {SLEEPER!r}])
        print(child.pid, flush=True)
        time.sleep(600)
    """
    supervisor.add(spec("parent", textwrap.dedent(code), tmp_path))
    log = tmp_path / "parent.log"
    grandchild = int(until(lambda: log.exists() and log.read_text(), 5, "the grandchild runs").split()[0])
    os.kill(pid_of(supervisor, "parent"), signal.SIGKILL)
    until(lambda: not alive(grandchild), 5, "the grandchild is gone")


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
        import os, sys, time
        from pathlib import Path
        from tidemill_embedded.processes.supervisor import ProcessSpec, Supervisor
        folder = Path({str(tmp_path)!r})
        supervisor = Supervisor(folder)
        argv = [sys.executable, "-S", "-c", {SLEEPER!r}]
        supervisor.add(ProcessSpec("one", argv, dict(os.environ), folder / "one.log"))
        while not supervisor.pids():
            time.sleep(0.01)
        print(supervisor.pids()["one"], flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    until(lambda: not alive(child), 5, "the child is gone")


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be collected does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
