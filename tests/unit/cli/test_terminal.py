"""Other people's text does not steer a terminal, and nobody signs with another's name."""

from __future__ import annotations

import io
import os
import pwd
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_cli.rendering.terminal import Guarded, visible
from tidemill_operations.person import who


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        ("\x1b[8mhidden", "\\x1b[8mhidden"),
        ("\x1b[31;8mhidden", "\\x1b[31;8mhidden"),
        ("\x1b]8;;http://x\x1b\\click", "\\x1b]8;;http://x\\x1b\\click"),
        ("over\rwritten", "over\\x0dwritten"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("a\u2028b", "a\\u2028b"),
        ("nul\x00", "nul\\x00"),
    ],
)
def test_what_would_steer_the_terminal_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["plain\ttext\n", "Zürich 東京 🙂", "\x1b[1;31mred\x1b[0m", "\x1b[38;5;9mx\x1b[m", "[bold]"]
)
def test_text_and_our_colours_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_nothing_but_line_ends_tabs_and_colours_controls(text: str) -> None:
    left = visible(text)
    assert visible(left) == left
    assert not any(ord(c) < 32 and c not in "\t\n\x1b" for c in left)


def test_a_stream_writes_what_is_visible_and_counts_what_it_was_given() -> None:
    stream = io.StringIO()
    assert Guarded(stream).write("a\x07") == 2
    assert stream.getvalue() == "a\\x07"


def test_the_command_shows_what_it_was_given_and_obeys_none_of_it() -> None:
    command = [sys.executable, "-m", "tidemill_cli", "\x1b]0;owned\x07"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr and "\\x1b]0;owned" in done.stderr


def test_who_types_is_the_process_s_user_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-boss")
    assert who() == pwd.getpwuid(os.getuid()).pw_name != "the-boss"
