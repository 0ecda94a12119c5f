"""Lines of the log for what happens at each request, written by a thread of their own: no request waits for one."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Self, TypeVar

__all__ = ["MOST_WAITING", "LineWriter"]

EVERY_S = 0.2
MOST_WAITING = 10_000
"""Where more lines wait, who brings the next ones writes as many of the oldest: a log that drops lines under load is no
record of it.
"""

T = TypeVar("T")


class LineWriter(Generic[T]):
    """Takes items from any thread and writes their lines in the order in which they came. A process that is killed
    loses what came in the last EVERY_S seconds.
    """

    def __init__(self, logger: str, message: str, fields: Callable[[T], Iterable[Mapping[str, object]]]) -> None:
        """`fields`: those of each line of an item, beside what every line of the log has."""
        self._log = logging.getLogger(logger)
        self._message = message
        self._fields = fields
        self._items: deque[tuple[T, int]] = deque()
        self._lines = 0
        self._counting, self._writing = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=logger, daemon=True)

    def start(self) -> None:
        """Begin to write, whatever level the log has otherwise."""
        self._log.setLevel(logging.INFO)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, item: T, lines: int = 1) -> None:
        """Have an item written soon, which has so many lines."""
        with self._counting:
            self._items.append((item, lines))
            self._lines += lines
        while self._lines > MOST_WAITING and self._write_oldest():
            pass

    def flush(self) -> None:
        """Write what waits."""
        while self._write_oldest():
            pass

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.flush()

    def _write_oldest(self) -> bool:
        with self._writing:
            with self._counting:
                if not self._items:
                    return False
                item, lines = self._items.popleft()
                self._lines -= lines
            try:
                for fields in self._fields(item):
                    self._log.info(self._message, extra=fields)
            except Exception:  # noqa: BLE001 - whatever it is about this one, the others are written
                self._log.exception("lines of the kind %r are lost", self._message)
        return True
