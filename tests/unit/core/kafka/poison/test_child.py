"""What a trial in a child tells, in real forks."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidemill.errors import HoldTopics, RetryLater
from tidemill.kafka.poison import child
from tidemill.kafka.poison.child import lives

WITHIN_S = 30.0


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_work_that_ends_or_raises_is_lived_through() -> None:
    assert lives(lambda: None, WITHIN_S) is True
    assert lives(raising(ArithmeticError("a defect")), WITHIN_S) is True


@pytest.mark.parametrize(
    "deadly",
    [
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: os._exit(0),
        lambda: sys.exit(0),
        raising(MemoryError()),
        signal.pause,
    ],
)
def test_work_that_ends_whoever_does_it_or_hangs_is_not(deadly: Callable[[], object]) -> None:
    assert lives(deadly, 1.0 if deadly is signal.pause else WITHIN_S) is False


@pytest.mark.parametrize("error", [RetryLater("the registry is away"), HoldTopics({"in"})])
def test_a_child_that_waits_for_somebody_tells_nothing(error: Exception) -> None:
    assert lives(raising(error), WITHIN_S) is None


@pytest.mark.parametrize("text", ["", "MemTotal: 8 kB", "MemAvailable:", "MemAvailable: many kB"])
def test_work_is_tried_where_the_machine_does_not_tell_its_memory(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text(text)
    monkeypatch.setattr(child, "MEMINFO", tmp_path / "meminfo")
    assert lives(lambda: (tmp_path / "worked").touch(), WITHIN_S) is True
    assert (tmp_path / "worked").exists()
    assert lives(lambda: os._exit(1), WITHIN_S) is False


def test_a_child_that_cannot_begin_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MEMINFO", SimpleNamespace(read_text=raising(ArithmeticError("a defect"))))
    assert lives(lambda: None, WITHIN_S) is None
