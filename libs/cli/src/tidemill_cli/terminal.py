"""How tables are printed: as wide as a terminal is, and uncut where the output goes into a file or a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 1_000
"""Columns of a file: rich cuts at 80 where it knows of no terminal, and names would be lost."""


def console() -> Console:
    """A console on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE)
