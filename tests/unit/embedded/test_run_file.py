"""One platform a folder."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tidemill_embedded.errors import PlatformError
from tidemill_embedded.processes.children import spawn
from tidemill_embedded.run_file import RunFile


def test_a_second_platform_in_the_folder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    first = RunFile(tmp_path)
    first.acquire()
    with pytest.raises(PlatformError, match=rf"pid {os.getpid()}"):
        RunFile(tmp_path).acquire()
    first.release()
    again = RunFile(tmp_path)
    again.acquire()
    again.release()


def test_the_file_is_there_while_the_platform_runs(tmp_path: Path) -> None:
    run = RunFile(tmp_path)
    run.acquire()
    run.write({"broker": {"bootstrap": "127.0.0.1:9092"}})
    assert json.loads(run.path.read_text())["broker"]["bootstrap"] == "127.0.0.1:9092"
    run.release()
    assert not run.path.exists()


def test_the_data_folder_and_what_children_write_are_their_owner_s_alone(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir(mode=0o755)
    lock = RunFile(var)
    lock.acquire()
    lock.release()
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    spawn([sys.executable, "-c", "open('made', 'w').close()"], {}, var / "logs" / "child.log", var).wait(30)
    assert stat.S_IMODE((var / "made").stat().st_mode) == 0o600
