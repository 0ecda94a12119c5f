"""Keeps a process small: optional imports of its libraries that it has no use for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["leave_out"]


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
