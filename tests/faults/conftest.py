"""Fixtures of the faults: which form runs, what is recorded, brokers that can be hurt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.recording import Fault, heard, holds_all, mode, told, write
from tests.faults.harness.world import World

_FAULTS: pytest.StashKey[list[Fault]] = pytest.StashKey()
_PARTLY: pytest.StashKey[bool] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_TOLD = "tidemill_faults"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(id, name, limit, variant): a fault of the suite, for its report")
    config.stash[_FAULTS] = []
    config.stash[_PARTLY] = not holds_all(config.args, config.invocation_params.dir)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_PARTLY] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
        report.not_tried = report.passed and "not_run" in _figures(item)
    elif report.failed and report.when == "setup" and item.get_closest_marker("fault"):
        item.config.stash[_FAULTS].append(_entry(item))  # it could not even be tried: it has not passed
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A fault that could not be tried here counts neither as passed nor as failed."""
    return ("not proven", "N", "NOT PROVEN") if getattr(report, "not_tried", False) else None


def _figures(item: pytest.Item) -> dict[str, Any]:
    fault = item.funcargs.get("fault") if isinstance(item, pytest.Function) else None
    return fault.figures if isinstance(fault, Fault) else {}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Of a run in which several files run at once: what one of its processes has recorded."""
    faults, partly = heard(getattr(node, "workeroutput", {}).get(_TOLD))
    node.config.stash[_FAULTS] += faults
    node.config.stash[_PARTLY] |= partly


def pytest_sessionfinish(session: pytest.Session) -> None:
    faults = session.config.stash.get(_FAULTS, [])
    if hasattr(session.config, "workeroutput"):  # whoever started this process writes the report
        session.config.workeroutput[_TOLD] = told(faults, partly=session.config.stash[_PARTLY])
    elif faults:
        from tidemill_embedded.broker.jars import JarLock

        stopped = bool(session.shouldstop or session.shouldfail) or len(faults) < session.testscollected
        whole = not session.config.stash[_PARTLY] and not stopped
        write(Path(session.config.rootpath), _latest(faults), JarLock.load().kafka, whole=whole)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What could not be tried here is said where everybody looks, whatever else has passed."""
    for fault in config.stash.get(_FAULTS, []):
        if "not_run" in fault.figures:
            terminalreporter.section("NOT PROVEN", red=True, bold=True)
            terminalreporter.line(f"fault {fault.id}, {fault.name}: {fault.figures['not_run']}", red=True)


def _latest(faults: list[Fault]) -> list[Fault]:
    return list({(fault.id, fault.variant): fault for fault in faults}.values())


def _entry(item: pytest.Item) -> Fault:
    marker = item.get_closest_marker("fault")
    assert marker is not None, f"{item.nodeid} does not say which fault it is"
    entry = Fault(seed=int(os.environ.get("TIDEMILL_FAULTS_SEED", "7")), **marker.kwargs)
    if isinstance(item, pytest.Function) and hasattr(item, "callspec") and not entry.variant:
        entry.variant = item.callspec.id
    return entry


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """The record of this fault; passed if the test was, and could be tried."""
    entry = _entry(request.node)
    yield entry
    entry.seconds = time.monotonic() - entry.began
    exact = not (entry.lost or entry.duplicated)
    held = not request.node.stash.get(_FAILED, True)
    entry.passed = held and exact and "not_run" not in entry.figures
    request.config.stash[_FAULTS].append(entry)
    print(f"\nfault {entry.id} {entry.name} {entry.variant} [{mode()}] {entry.seconds:.1f} s: {entry.figures}")
    assert exact or not held, f"the test passed, and yet {entry.lost} lost and {entry.duplicated} double were counted"


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path, fault: Fault) -> Iterator[World]:
    """A platform's topics on the run's broker; what is started in it is ended with it."""
    made = World(root, kafka, prefix, tmp_path, fault)
    try:
        yield made
    finally:
        made.close()
