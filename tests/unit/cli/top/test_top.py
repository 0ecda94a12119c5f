"""`tidemill top` from recorded facts, as text of any width and in a terminal."""

from __future__ import annotations

import io
import os
import select
import sys
import termios
import threading
import time
from dataclasses import replace

import pytest
from rich.console import Console

from tidemill_cli.commands.platform.first_versions import missing
from tidemill_cli.rendering.top.live import show_live
from tidemill_cli.rendering.top.screen import view
from tidemill_operations.loop_view.counts import Step
from tidemill_operations.loop_view.frame import Frame, Happened, ModelFrame
from tidemill_operations.standing.label_counts import LabelsMet

STEPS = (Step("events pushed", 1_234.4, None), Step("events validated", 8.25, 17), Step("predicted", None, None))
MODEL = ModelFrame(
    model="loan", version=4, epoch=5, trial=(6, 0.1), wanted=500, steps=STEPS, labels=LabelsMet(1_200, 3), dead=12,
    dead_exact=False, drifts=2, runs=4, refused=7, run="finished (quality)", paused=("raw",),
)  # fmt: skip
EVIL = "amount\x1b[2J\n[red]moved[/red]"
FRAME = Frame(3_600_000, "kafka:9092", (MODEL,), (Happened(1_000, "loan", "drift", EVIL),))


def shown(frame: Frame, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(view(frame, width, leave="q leaves"))
    return out.getvalue().splitlines()


def test_everything_is_on_a_wide_terminal() -> None:
    text = "\n".join(line.rstrip() for line in shown(FRAME, 200))
    for said in (
        "Tidemill at kafka:9092   01:00:00 UTC   q leaves", "loan: version 4 (epoch 5), 6 on trial at 10%",
        "1,200 labels met, 3 about no event; at most 12 open dead letters; 2 drift events; 4 trainings, the newest "
        "finished (quality), 7 refused", "paused: raw (tidemill resume loan)",
        "00:00:01  loan  amount\\x1b[2J [red]moved",
    ):  # fmt: skip
        assert said in text
    rows = {line[:16].strip(): line[16:].split() for line in text.splitlines() if line[:16].strip() in
            {step.name for step in STEPS}}  # fmt: skip
    assert rows == {"events pushed": ["1,234"], "events validated": ["8.2", "17"], "predicted": ["-"]}


@pytest.mark.parametrize("width", [24, 40, 60, 80, 119, 120])
def test_no_line_is_folded_and_none_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(FRAME, width)
    assert max(map(len, lines)) <= width
    assert len(lines) == len(shown(FRAME, 119)) - (3 if width >= 120 else 0)
    assert any(line.startswith("events p") for line in lines)


def test_a_model_without_version_tells_what_is_missing_and_brokers_that_are_away_are_told() -> None:
    waiting = replace(MODEL, version=None, epoch=None, trial=None, paused=(), labels=LabelsMet(310, 10))
    text = "\n".join(shown(replace(FRAME, models=(waiting,), problem="Connection refused"), 100))
    assert "loan: no version yet, 300 of 500 labelled rows" in text
    assert "no answer: Connection refused" in text


def test_up_tells_how_far_a_first_version_is_once_there_are_labels() -> None:
    new = replace(MODEL, version=None, labels=LabelsMet(310, 10))
    enough, idle = replace(new, model="b", labels=LabelsMet(500)), replace(new, model="c", labels=LabelsMet(3, 3))
    told = missing(replace(FRAME, models=(MODEL, new, enough, idle)))
    assert told == "loan: first version: 300 of 500 labelled rows; b: first version: on its way"
    assert missing(FRAME) == ""


@pytest.mark.parametrize("how", ["q", "signal"])
def test_in_a_terminal_frames_follow_each_other_until_somebody_leaves(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    before, stop, shown = termios.tcgetattr(theirs), threading.Event(), bytearray()
    frames: list[ModelFrame] = []

    def look() -> Frame:
        frames.append(replace(MODEL, version=len(frames)))
        return replace(FRAME, models=(frames[-1],))

    def person() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and b"version 2" not in shown:
            _read(ours, shown)
        if how == "q":
            os.write(ours, b"xq")
        else:
            stop.set()
        while time.monotonic() < deadline and b"\x1b[?1049l" not in shown:
            _read(ours, shown)

    typing = threading.Thread(target=person)
    typing.start()
    reading = os.fdopen(os.dup(theirs), encoding="utf-8")
    writing = os.fdopen(os.dup(theirs), "w", encoding="utf-8")
    with reading, writing, monkeypatch.context() as patched:
        patched.setenv("TERM", "xterm")
        patched.setattr(sys, "stdin", reading)
        patched.setattr(sys, "__stdout__", writing)
        show_live(look, 0.05, stop)
    typing.join(20)
    after = termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    assert len(frames) >= 3 and b"\x1b[?1049h" in shown
    assert after == before, "the terminal is as it was"


def _read(terminal: int, into: bytearray) -> None:
    if select.select([terminal], [], [], 0.1)[0]:
        into.extend(os.read(terminal, 65_536))
