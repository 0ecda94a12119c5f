"""Fixtures of the faults: which form runs, what is recorded, brokers that can be hurt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.recording import Fault, mode, write
from tests.faults.world import World

_FAULTS: pytest.StashKey[list[Fault]] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(id, name, limit, variant): a fault of the suite, for its report")
    config.stash[_FAULTS] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    faults = session.config.stash.get(_FAULTS, [])
    if faults:
        from tidemill_cli.embedded.jars import JarLock

        write(Path(session.config.rootpath), faults, JarLock.load().kafka)


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """The record of this fault; passed if the test was, and could be tried."""
    marker = request.node.get_closest_marker("fault")
    entry = Fault(seed=int(os.environ.get("TIDEMILL_FAULTS_SEED", "7")), **marker.kwargs)
    if hasattr(request.node, "callspec") and not entry.variant:
        entry.variant = request.node.callspec.id
    entry.began = time.monotonic()
    yield entry
    entry.seconds = time.monotonic() - entry.began
    entry.passed = not request.node.stash.get(_FAILED, True) and "not_run" not in entry.figures
    request.config.stash[_FAULTS].append(entry)
    print(f"\nfault {entry.id} {entry.name} {entry.variant} [{mode()}]: {entry.figures}")


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path, fault: Fault) -> Iterator[World]:
    """A platform's topics on the run's broker; what is started in it is ended with it."""
    made = World(root, kafka, prefix, tmp_path, fault)
    try:
        yield made
    finally:
        made.close()
