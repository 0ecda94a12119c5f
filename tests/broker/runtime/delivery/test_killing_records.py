"""A record that ends its process is found by those that come after; one at which others end them is set free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.broker.runtime.harness import World
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.poison.watchdog import STUCK

pytestmark = pytest.mark.long


class Mortal:
    """The worker, started again and again; `codes`: how it ended each time."""

    def __init__(self, world: World, folder: Path, stuck_after_s: float) -> None:
        self.world, self.folder = world, folder
        self.command = [
            sys.executable, "-m", "tests.broker.runtime.mortal", world.settings.kafka_bootstrap, world.settings.prefix,
            str(stuck_after_s),
        ]  # fmt: skip
        self.codes: list[int] = []
        self.start()

    def start(self) -> None:
        self.out, self.log = (self.folder / f"{len(self.codes)}.{kind}" for kind in ("out", "log"))
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.child = subprocess.Popen(self.command, stdout=out, stderr=log)

    def ended(self) -> bool:
        """Whether it has; then it is started again."""
        code = self.child.poll()
        if code is None:
            return False
        self.codes.append(code)
        self.start()
        return True

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(10)


@contextmanager
def mortal(world: World, folder: Path, stuck_after_s: float = 60.0) -> Iterator[Mortal]:
    world.create(f"{world.settings.prefix}dead")
    worker = Mortal(world, folder, stuck_after_s)
    try:
        yield worker
    finally:
        worker.stop()


def put(world: World, number: int, deed: str) -> None:
    with Publisher(world.settings, name="put") as publisher:
        value = b"%d %s" % (number, deed.encode())
        publisher.publish_all([Output(world.source, [value], [b"k"], [number % world.partitions])])


def passed(worker: Mortal) -> bool:
    """Whether everything is worked on; starts the worker again where it has ended."""
    worker.ended()
    assert len(worker.codes) < 9, f"for ever: {worker.codes} {worker.log.read_text()}"
    if not any("assigned" in log.read_text() for log in worker.folder.glob("*.log")):
        return False  # the group's coordinator may still load
    return set(worker.world.lag().values()) == {0}


def letters(world: World) -> list[tuple[int, bytes | None, str]]:
    """Offset, value and reason of each dead letter."""
    found = []
    for batch in scan(world.settings, f"{world.settings.prefix}dead"):
        for value, headers in zip(batch.values, batch.headers, strict=True):
            letter = parse_dead_letter(headers)
            assert letter is not None and letter[0] == world.source
            found.append((letter[2], value, letter[4]))
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("deed", "code"), [("segv", -signal.SIGSEGV), ("exit", 9)])
def test_a_record_that_ends_its_process_is_set_aside_and_all_others_are_written_once(
    kafka: str, prefix: str, tmp_path: Path, deed: str, code: int
) -> None:
    world = World(kafka, prefix)
    world.feed(0, 1_202)
    put(world, 1_202, deed)
    world.feed(1_203, 1_000)
    with mortal(world, tmp_path) as worker:
        until(lambda: passed(worker), 240, "everything is worked on", every=0.2)
        assert set(worker.codes) == {code} and 4 <= len(worker.codes) <= 6, worker.codes
        ends = len(worker.codes)
        world.feed(2_203, 3_000)
        until(lambda: passed(worker), 60, "and what comes after too", every=0.2)
        assert len(worker.codes) == ends, "it ended once more"
    assert world.written() == [n for n in range(5_203) if n != 1_202]
    ((offset, value, why),) = letters(world)
    assert (offset, value) == (1_202 // 4, b"1202 %s" % deed.encode())
    assert "4 processes have ended" in why


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("deed", "codes"), [("hang", {STUCK}), ("hang-with-the-lock", {1})])
def test_a_record_that_a_process_hangs_on_is_set_aside_too(
    kafka: str, prefix: str, tmp_path: Path, deed: str, codes: set[int]
) -> None:
    world = World(kafka, prefix)
    put(world, 0, deed)
    with mortal(world, tmp_path, stuck_after_s=5.0) as worker:
        until(lambda: passed(worker), 240, "it is set aside", every=0.2)
        assert set(worker.codes) == codes and len(worker.codes) == 3, worker.codes
        logs = [(tmp_path / f"{k}.log").read_text() for k in range(3)]
        assert all("mortal.py" in log for log in logs), "no traceback of what it hung on"
        if STUCK in codes:
            assert all("TIDEMILL_STUCK_AFTER_S" in log for log in logs)
        world.feed(1, 400)
        until(lambda: passed(worker), 60, "what comes after is worked on", every=0.2)
    assert world.written() == list(range(1, 401))
    assert [value for _, value, _ in letters(world)] == [b"0 %s" % deed.encode()]


@pytest.mark.timeout(300)
def test_whoever_is_killed_from_outside_at_the_same_record_each_time_sets_none_aside(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    world = World(kafka, prefix)
    put(world, 0, "slow")
    with mortal(world, tmp_path) as worker:
        for _ in range(5):  # in the very moment in which it works at that record and at no other
            until(lambda: b"at 0 alone" in worker.out.read_bytes(), 60, "it is at the record", every=0.01)
            os.kill(worker.child.pid, signal.SIGKILL)
            worker.child.wait(10)
            assert worker.ended()
        world.feed(1, 400)
        until(lambda: passed(worker), 120, "everything is worked on", every=0.2)
        assert worker.codes == [-signal.SIGKILL] * 5
    assert world.written() == list(range(401))
    assert letters(world) == []


@pytest.mark.timeout(300)
def test_kills_from_outside_in_the_midst_of_a_backlog_set_nothing_aside(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    world = World(kafka, prefix)
    world.feed(0, 2_000)
    put(world, 2_000, "slow")
    world.feed(2_001, 2_000)
    with mortal(world, tmp_path) as worker:
        for _ in range(5):
            until(lambda: b"at 2000" in worker.out.read_bytes() or passed(worker), 60, "it is there", every=0.01)
            os.kill(worker.child.pid, signal.SIGKILL)
            worker.child.wait(10)
            assert worker.ended()
        began = time.monotonic()
        until(lambda: passed(worker), 120, "everything is worked on", every=0.2)
        assert time.monotonic() - began < 60
    assert world.written() == list(range(4_001))
    assert letters(world) == []
