"""Stands between parent and child where the kernel cannot end a child with its parent (not Linux).

`python -m tidemill_embedded.processes.guard PARENT_PID ARGV...`: runs ARGV, hands on SIGTERM and SIGINT, answers
with its exit code, and kills it once the parent is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

POLL_S = 0.5


def main(arguments: list[str]) -> int:
    parent, argv = int(arguments[0]), arguments[1:]
    child = subprocess.Popen(argv)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, hand_on)
    while os.getppid() == parent:
        try:
            return child.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            continue
    child.kill()
    child.wait()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
