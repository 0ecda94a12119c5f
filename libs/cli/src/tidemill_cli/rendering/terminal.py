"""What reaches a terminal: tables as wide as it is, uncut in a file or a pipe, and nothing by which somebody steers it.

Records, keys, headers and reasons are other people's text. In a terminal such text can move the cursor, hide lines,
set the title or rewrite what stands above; so everything that is printed goes through `guard_output`, which lets
colours and weight through and shows the rest as `\\x1b`.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 1_000_000
"""Columns of a file or a pipe: rich folds at 80 where it knows of no terminal. So long is no cell, and no line is
folded.
"""
_SHADE = r"(?:[0-4]|2[2-4]|[34]\d|9[0-7]|10[0-7]|[34]8;5;\d{1,3}|[34]8;2(?:;\d{1,3}){3})"
_COLOUR = rf"\x1b\[(?:{_SHADE}(?:;{_SHADE})*)?m"
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_FOREIGN = re.compile(rf"({_COLOUR})|{_CONTROL}")


def visible(text: str) -> str:
    """`text` with every control character but line ends, tabs and colours as its escape; the rest as it is."""
    return _FOREIGN.sub(lambda found: found[1] or _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Guarded:
    """A text stream whose every write goes through `visible`; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, made visible. Gives the number of characters taken, as a stream does."""
        self._stream.write(visible(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write some texts, as `write` does."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output() -> None:
    """From now on, let nothing of somebody else's steer the terminal, tracebacks included."""
    sys.stdout, sys.stderr = Guarded(sys.stdout), Guarded(sys.stderr)


def console(*, err: bool = False) -> Console:
    """A console on standard output, or on standard error: as wide as the terminal, and without a width elsewhere."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, width=None if stream.isatty() else WIDE)


def progress_console() -> Console:
    """A console on standard error for progress bars. They move the cursor: not guarded, so show our words alone."""
    from rich.console import Console

    return Console(file=sys.__stderr__)


def live_console() -> Console:
    """A console on standard output for a whole screen. It moves the cursor: not guarded, so what others wrote must go
    through `visible` before.
    """
    from rich.console import Console

    return Console(file=sys.__stdout__)
