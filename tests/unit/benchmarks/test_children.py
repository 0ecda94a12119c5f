from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.polling import until

PARENT = """
import sys, time
from pathlib import Path
from benchmarks.harness import children
children.VAR = Path(sys.argv[1])
print(children.python("http.server", "0", "--bind", "127.0.0.1").popen.pid, flush=True)
time.sleep(600)
"""


def test_a_process_under_measurement_ends_with_the_benchmark_even_if_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not alive(child), 60, "the end of the child")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
