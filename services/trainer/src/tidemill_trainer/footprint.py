"""Keeps both processes small: optional imports of others that it has no use for, and memory that is given
back.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED = frozenset({"pandas", "polars"})
"""MLflow, scikit-learn and pyarrow import them where they are installed: 70 MB for tables that are Arrow
here.
"""

MEMORY_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "TOKIO_WORKER_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
}
"""One heap instead of one per library and thread: what one step frees the next one can use."""


M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


class NotInstalled(MetaPathFinder):
    """Answers as if these packages were not installed in this process."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ``ModuleNotFoundError`` for the packages, leaves all others to the next finder."""
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is left out of the training process", name=fullname)
        return None


def leave_out_unused() -> None:
    """Before anything large is imported."""
    sys.meta_path.insert(0, NotInstalled(UNUSED))


def share_one_heap() -> None:
    """What ``MEMORY_ENVIRONMENT`` does at a process's start, for one that runs already: before threads are
    started.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_ARENA_MAX, 1)


def give_memory_back() -> None:
    """After a job: return freed heap pages to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
