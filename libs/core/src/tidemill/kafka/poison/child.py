"""Work tried in a child that may die of it."""

from __future__ import annotations

import os
import resource
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["lives"]

_LOOK_S = 0.01
_DIED = 70
_SHARE = 0.8


def lives(work: Callable[[], object], within_s: float) -> bool:
    """Whether a fork of this process, the calling thread alone, comes to the end of `work` in time.

    What `work` raises is an end like any other, but for MemoryError: the child has no more memory than the machine,
    or the container, has left, so that it dies and not this process. A lock that another thread held at the fork is
    held for ever in the child: False proves nothing by itself.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads: see above
        pid = os.fork()
    if pid == 0:
        _try(work)
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(_LOOK_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _try(work: Callable[[], object]) -> None:
    """In the child; does not return."""
    code = 0
    try:
        _be_modest()
        work()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the process lives
        code = _DIED if isinstance(error, MemoryError) else 0
    finally:
        os._exit(code)


def _be_modest() -> None:
    """Be the first that is killed where memory is short, and take no more than most of what is left."""
    with suppress(OSError, ValueError, IndexError):
        Path("/proc/self/oom_score_adj").write_text("1000")
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(_left() * _SHARE)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _left() -> int:
    """Bytes of memory that the machine has left, or the container where that is less."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    left = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    with suppress(OSError, ValueError):  # no such group, or one without a limit
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        left = min(left, max(0, limit - int((group / "memory.current").read_text())))
    return left
