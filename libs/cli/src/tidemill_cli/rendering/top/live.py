"""Shows frame after frame until somebody leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tidemill_cli.rendering.terminal import live_console
from tidemill_cli.rendering.top.keys import keys
from tidemill_cli.rendering.top.screen import view

if TYPE_CHECKING:
    from threading import Event

    from tidemill_operations.loop_view.frame import Frame

LEAVE: Final = "q"
SLICE_S: Final = 0.1
"""How soon a key or a signal is heeded."""


def show_live(look: Callable[[], Frame], every_s: float, stop: Event) -> None:
    """A frame every `every_s` seconds on the whole terminal, until q is typed or `stop` is set."""
    from rich.live import Live

    console = live_console()
    with keys() as typed, Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while not stop.is_set():
            began = time.monotonic()
            live.update(view(look(), console.width, leave=f"{LEAVE} leaves"), refresh=True)
            while not stop.is_set() and (left := began + every_s - time.monotonic()) > 0:
                if LEAVE in typed(min(SLICE_S, left)).lower():
                    return
            if LEAVE in typed(0.0).lower():
                return
