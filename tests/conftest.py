"""Fixtures for all tests: one broker for a run, a prefix of its own for each test."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Collection, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.logs import tails
from tests.support.processes.programs import BESIDE, NOT_FROM_DEBIAN, PACKAGES, how_to_have, program_or_none
from tests.support.run_folder import run_folder
from tests.support.signing import use_keys_of_this_run

ROOT = Path(__file__).resolve().parent.parent
# Services under test are on loopback and have no keys; tests of access say otherwise themselves.
os.environ.setdefault("TIDEMILL_AUTH", "off")
# A test's broker lives for minutes: what Java's second compiler makes of it would cost more than it gives back.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
# What tests do by command line is noted in a database of theirs, not in that of a platform in this checkout.
if "TIDEMILL_DATABASE_URL" not in os.environ:
    os.environ["TIDEMILL_DATABASE_URL"] = f"sqlite:///{run_folder('database') / 'tidemill.db'}"

use_keys_of_this_run()
# A law holds or not; how fast a busy machine shows it is no part of it.
hypothesis.settings.register_profile("laws", deadline=None)
hypothesis.settings.load_profile("laws")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows the ends of the logs that the test's processes left in its folders."""
    report = yield
    given = getattr(item, "funcargs", {})
    if report.failed:
        for folder in (given[name] for name in ("tmp_path", "var") if name in given):
            report.sections += [(f"end of {name}", text) for name, text in tails(folder)]
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a program that is not here; in CI it runs and fails, if Debian has it (`programs`).
    Long files come first, so that none of them is what all wait for in the end.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    left_out = [item for item in items if _lacks_a_program(item)]
    if os.environ.get("CI") == "true":  # what Debian brings is installed there
        left_out = [item for item in left_out if not _lacks_a_program(item, but=NOT_FROM_DEBIAN | BESIDE)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _lacks_a_program(item: pytest.Item, but: Collection[str] = ()) -> bool:
    needed = {name for mark in item.iter_markers("needs") for name in mark.args}
    return any(program_or_none(name) is None for name in needed.difference(but))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which programs are not here, and how to have them."""
    for name in (*PACKAGES, *NOT_FROM_DEBIAN):
        if program_or_none(name) is None:
            terminalreporter.write_line(f"tests that need it are left out: {how_to_have(name)}", yellow=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the run's broker: that of TIDEMILL_KAFKA_BOOTSTRAP where it is set, else an embedded one."""
    given = os.environ.get("TIDEMILL_KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    from tidemill_embedded.broker.broker import Broker

    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix for topics, groups and transactional ids that no other test has; what it named is deleted after."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    prefix = f"t-{name}-{uuid.uuid4().hex[:6]}-"
    yield prefix
    if "kafka" in request.fixturenames:
        from tidemill.settings import KafkaSettings
        from tidemill_embedded.cleanup import delete_prefixed

        settings = KafkaSettings(kafka_bootstrap=request.getfixturevalue("kafka"), prefix=prefix)
        delete_prefixed(settings, groups=False)
