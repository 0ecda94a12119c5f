"""Who waits at a terminal sees it; a pipe and a log see nothing."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tidemill_cli.rendering.progress import parts_bars, progress_bar, rows_bar, spinner, steps_bar


def wait_for_everything() -> None:
    """Every kind of waiting once, with a line that is printed meanwhile."""
    with spinner("the [trainer]\x1b[2J") as waiting:
        with waiting.aside():
            print("accepted", file=sys.stderr)
        waiting.hide()
        with waiting.aside():
            print("hidden", file=sys.stderr)
        waiting.update("started")
    with progress_bar("profiles") as advance:
        advance(1, 2)
    with rows_bar("orders.csv", 100, 40) as rows:
        rows(60)
    with steps_bar() as steps:
        steps("learning", 3, 7)
    with parts_bars() as parts:
        parts("raw", 5, 4)


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Standard error is a terminal in the block; gives the function that tells what it has shown."""
    ours, theirs = os.openpty()
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                return
            if not part:
                return
            shown.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setenv("TERM", "xterm")
        patched.setattr(sys, "stderr", stream)
        patched.setattr(sys, "__stderr__", stream)

        def told() -> str:
            stream.close()
            reader.join(10)
            return shown.decode()

        yield told
    os.close(ours)


def test_at_a_terminal_every_wait_is_seen_and_foreign_words_steer_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as told:
        wait_for_everything()
        text = told()
    for word in (
        "the [trainer]\\x1b[2J",
        "accepted",
        "hidden",
        "started",
        "profiles",
        "orders.csv",
        "60/100",
        "learning",
        "3/7",
        "5/5",
    ):
        assert word in text, word
    assert "\x1b[2J" not in text


def test_in_a_pipe_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    wait_for_everything()
    assert capfd.readouterr() == ("", "accepted\nhidden\n")
