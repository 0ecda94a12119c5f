"""Single keys of a terminal, without a line's end."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """Gives the function that waits so many seconds at most for keys and gives what was typed, "" for none. The
    terminal is as it was afterwards. Without one, it only waits.
    """
    if not sys.stdin.isatty():
        yield _only_waits
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda most_s: _typed(terminal, most_s)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _typed(terminal: int, most_s: float) -> str:
    ready, _, _ = select.select([terminal], [], [], most_s)
    return os.read(terminal, 64).decode(errors="replace") if ready else ""


def _only_waits(most_s: float) -> str:
    time.sleep(most_s)
    return ""
