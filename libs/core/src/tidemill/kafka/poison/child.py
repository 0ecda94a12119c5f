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

from tidemill.errors import TidemillError

__all__ = ["MEMINFO", "lives"]

_LOOK_S = 0.01
_LIVED, _DIED, _NOT_KNOWN = 70, 71, 72
"""Exit codes; any other is one that the child has not chosen, 0 too."""
_SHARE = 0.8
MEMINFO = Path("/proc/meminfo")
"""Where the machine tells its memory."""
_CONTAINER = Path("/sys/fs/cgroup")


def lives(work: Callable[[], object], within_s: float) -> bool | None:
    """Whether a fork of this process, the calling thread alone, comes to the end of `work` in time; None where that
    did not come to its work, so that nothing is known: it raised a TidemillError (somebody is away), or was not begun.

    What else `work` raises is an end like any other, but for MemoryError: the child has no more memory than the
    machine, or the container, has left, so that it dies and not this process; and for what is no Exception, which ends
    whoever has it. A lock that another thread held at the fork is held for ever in the child: False proves nothing by
    itself.
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
            code = os.waitstatus_to_exitcode(status)
            return None if code == _NOT_KNOWN else code == _LIVED
        time.sleep(_LOOK_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _try(work: Callable[[], object]) -> None:
    """In the child; does not return."""
    code = _NOT_KNOWN
    try:
        _be_modest()
        code = _outcome(work)
    finally:
        os._exit(code)


def _outcome(work: Callable[[], object]) -> int:
    try:
        work()
    except TidemillError:
        return _NOT_KNOWN
    except MemoryError:
        return _DIED
    except Exception:  # noqa: BLE001 - whatever it is, the process lives
        return _LIVED
    except BaseException:  # noqa: BLE001 - nobody catches it: the process would not live
        return _DIED
    return _LIVED


def _be_modest() -> None:
    """Be the first that is killed where memory is short, and take no more than most of what is left."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    left = _left()
    if left is None:
        return
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(left * _SHARE)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _left() -> int | None:
    """Bytes of memory that the machine has left, or the container where that is less; None where neither says it."""
    told: list[int] = []
    with suppress(OSError, ValueError, IndexError):  # no such file, or of another form
        lines = MEMINFO.read_text().splitlines()
        told += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    with suppress(OSError, ValueError):  # no such group, or one without a limit
        limit = int((_CONTAINER / "memory.max").read_text())
        told.append(max(0, limit - int((_CONTAINER / "memory.current").read_text())))
    return min(told, default=None)
