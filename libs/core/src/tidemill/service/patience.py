"""At a start: waits for what may not be there yet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from tidemill.errors import RetryLater

__all__ = ["patiently"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


def patiently(work: Callable[[], T], stop: threading.Event, what: str = "waiting") -> T | None:
    """Do `work` as soon as what it depends on is there; None if the process is stopped first."""
    while not stop.is_set():
        try:
            return work()
        except RetryLater as error:
            _log.warning("%s: %s", what, error)
            stop.wait(error.delay_s)
    return None
