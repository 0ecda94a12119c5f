"""Bytes as a file that nobody can change any more, for a library that needs less memory when it reads a path.

ONNX Runtime keeps the bytes that it is given as long as the model lives, and copies them once more, under Python's
lock, while it loads. From a path it does neither. A path must not change between the check of its bytes and their
loading: so the file is one of Linux's memory files without a name, sealed against writing, growing, shrinking and
unsealing before anybody is told of it.
"""

from __future__ import annotations

import fcntl
import io
import os
from pathlib import Path

_SEALS = ("F_SEAL_WRITE", "F_SEAL_GROW", "F_SEAL_SHRINK", "F_SEAL_SEAL")
_FOLDER = Path("/proc/self/fd")


class SealedFile:
    """A sealed file of this process; `path` holds until `close`, or until nobody has this object."""

    def __init__(self, file: io.FileIO) -> None:
        """Use `SealedFile.of`."""
        self._file = file

    @classmethod
    def of(cls, data: bytes) -> SealedFile | None:
        """A sealed copy of `data`; None where the system has no such files (everywhere but on Linux). Raises OSError
        where there is no memory for it.
        """
        if not hasattr(os, "memfd_create") or not _FOLDER.is_dir():
            return None
        try:
            descriptor = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError:  # the system call is not allowed here, say
            return None
        file = io.FileIO(descriptor, "r+")
        try:
            _fill(file, data)
        except OSError:
            file.close()
            raise
        return cls(file)

    @property
    def path(self) -> str:
        """Where this process finds it."""
        return str(_FOLDER / str(self._file.fileno()))

    @property
    def descriptor(self) -> int:
        """By which another process may be given it."""
        return self._file.fileno()

    def close(self) -> None:
        """Let it go."""
        self._file.close()


def _fill(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    seals = 0
    for name in _SEALS:
        seals |= getattr(fcntl, name)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
