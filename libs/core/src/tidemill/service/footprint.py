"""Keeps a process small: optional imports of its libraries that it has no use for, and memory that is given back.

Memory goes back to the system where its C library is glibc (nothing happens elsewhere). glibc gives each thread that
allocates an arena of its own and keeps freed pages inside of arenas. The clients' threads hand records to each other,
so that after a burst every arena holds pages that nobody uses.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "LargeLoads", "Trimmer", "give_back", "leave_out", "map_large_blocks", "resident_bytes", "share_arenas",
]  # fmt: skip

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""Of glibc's `malloc.h`."""
_ARENAS = 2
_PAUSE_S = 10.0
_LARGE_BYTES = 16 << 20
_GONE_S = 1.0
_MAPPED_BYTES = 4 << 20
_PAGES = Path("/proc/self/statm")


def leave_out(*packages: str) -> None:
    """Let `packages` seem not to be installed in this process; what is imported already stays.

    pyarrow imports pandas, where it is installed, as soon as it makes an array from a list: 40 MB and
    seconds of start-up for nothing.
    """
    sys.meta_path.insert(0, _NotInstalled(frozenset(packages)))


class _NotInstalled(MetaPathFinder):
    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"{fullname} is left out of this process", name=fullname)
        return None


def share_arenas(arenas: int = _ARENAS) -> None:
    """Let all threads share so many arenas. Called before threads are started."""
    set_option = _c_function("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, arenas)


def map_large_blocks() -> None:
    """Let every block of 4 MiB or more have pages of its own, which go back as soon as it is freed.

    Else glibc keeps up to 64 MiB of freed blocks at the end of an arena, where `give_back` does not reach them.
    """
    set_option = _c_function("mallopt")
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def give_back() -> None:
    """Give freed pages back now: some milliseconds in which other threads may wait for memory."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def resident_bytes() -> int:
    """The resident memory of this process; 0 where the system does not say (it is no Linux)."""
    try:
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


class Trimmer:
    """Gives freed pages back; to be called whenever there is nothing to do: at most every ten seconds it takes the
    few milliseconds that this costs.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, trim: Callable[[int], Any] | None = None) -> None:
        self._clock = clock
        self._trim = trim or _c_function("malloc_trim")
        self._last = clock()

    def __call__(self) -> None:
        now = self._clock()
        if self._trim is not None and now - self._last >= _PAUSE_S:
            self._last = now
            self._trim(0)


class LargeLoads:
    """Gives back what is left over of a large object's load: when it is done, and once more soon after, when what it
    replaces has gone. Of small ones too little is left to be worth the pause.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, trim: Callable[[int], Any] | None = None) -> None:
        self._clock = clock
        self._trim = trim or _c_function("malloc_trim")
        self._again: float | None = None

    def loaded(self, size: int) -> None:
        """To be called after each load, with the object's bytes."""
        if self._trim is not None and size >= _LARGE_BYTES:
            self._trim(0)
            self._again = self._clock() + _GONE_S

    def __call__(self) -> None:
        """To be called again and again, by one thread."""
        if self._trim is not None and self._again is not None and self._clock() >= self._again:
            self._again = None
            self._trim(0)


def _c_function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
