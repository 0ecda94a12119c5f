"""Where the time of a request goes, by stage, of one request in `EVERY`: all of them would cost what they measure."""

from __future__ import annotations

import time
from typing import Literal, get_args

from tidemill_inference.metrics import REQUEST_STAGE_SECONDS

EVERY = 16
"""Requests of which one is timed. Timing costs it some 7 µs, so half a microsecond each."""

Stage = Literal["parse", "admit", "check", "score", "write"]

_OBSERVE = {stage: REQUEST_STAGE_SECONDS.labels(stage).observe for stage in get_args(Stage)}
"""A look-up of labels costs more than all the rest."""


class Stages:
    """The stages of one request: each is given what has passed since the one before ended."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def ended(self, stage: Stage) -> None:
        """A stage has ended, and the next begins."""
        now = time.perf_counter()
        _OBSERVE[stage](now - self._since)
        self._since = now


class TimedRequests:
    """Says which requests are timed: every `EVERY`th. Of one thread alone."""

    def __init__(self) -> None:
        self._seen = 0

    def begin(self) -> Stages | None:
        """The stages of a request that begins now; None for one that is not timed."""
        self._seen += 1
        return Stages() if self._seen % EVERY == 0 else None
