"""Waiting in tests: for a condition, with a deadline, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(predicate: Callable[[], T], timeout: float, what: str | Callable[[], str], *, every: float = 0.05) -> T:
    """The first true value of `predicate`; fails the test after `timeout` seconds, saying that `what` did not
    happen (a function is asked for it only then).

    An exception of the predicate is not caught.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {timeout:.0f} s: {said} (last value: {value!r})")
        time.sleep(every)
