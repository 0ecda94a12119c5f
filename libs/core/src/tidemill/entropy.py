"""Random bytes of the system, fetched many at a time: a call for a few of them costs as much as ten ids."""

from __future__ import annotations

import os
import threading

__all__ = ["random_bytes"]

FETCHED_BYTES = 4_096


class _Pool:
    """Thread-safe. No byte is given out twice, by a forked process either: it begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes, self._at = b"", 0

    def take(self, n: int) -> bytes:
        with self._lock:
            start, stop = self._at, self._at + n
            if stop > len(self._bytes):
                self._bytes, start, stop = os.urandom(max(n, FETCHED_BYTES)), 0, n
            self._at = stop
            return self._bytes[start:stop]

    def forget(self) -> None:
        """The lock may have been held at the fork."""
        self.__init__()  # type: ignore[misc]


_POOL = _Pool()
os.register_at_fork(after_in_child=_POOL.forget)

random_bytes = _POOL.take
"""`random_bytes(n)`: n random bytes, as good as those of `os.urandom`."""
