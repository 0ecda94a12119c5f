"""Starting a child process that never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


NOBODY_ELSE = 0o077
"""What children make can be read by their user alone."""


def spawn(argv: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Starts `argv` in a session of its own, with stdout and stderr appended to `log`.

    The child is killed when the thread that called this ends, however it ends: by the kernel on Linux, elsewhere by a
    guard process that watches its parent. So call it from a thread that lives as long as the child should.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = list(argv)
    if sys.platform != "linux":
        command = [sys.executable, "-m", "tidemill_embedded.processes.guard", str(os.getpid()), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=NOBODY_ELSE,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
        )


def _die_with_parent() -> Callable[[], None]:
    """What the child does between fork and exec. The library is loaded here, before the fork."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def between_fork_and_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended in between
            os._exit(1)

    return between_fork_and_exec


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Signals a child's whole session: what it has started itself goes too."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
