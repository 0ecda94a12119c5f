"""Who is to know that a table has grown is told it sooner or later: collecting never waits for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tidemill.errors import RetryLater
from tidemill_trainer.collect.row_buffer import ModelRows

_log = logging.getLogger(__name__)

AGAIN_AFTER_S = 2.0
"""At least so long until what could not be told is tried again."""


class News:
    """The models of whose tables there is something to tell. One thread uses it."""

    def __init__(self, tell: Callable[[ModelRows], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`tell` raises RetryLater where it must be told later: the database is full or away."""
        self._tell = tell
        self._monotonic = monotonic
        self._untold: dict[str, ModelRows] = {}
        self._again = 0.0

    def of(self, model: ModelRows) -> None:
        """The table of this model has grown, or is seen for the first time."""
        self._untold[model.spec.name] = model

    def tell(self) -> None:
        """Tell what is to be told; what cannot be now stays, behind the others: they are told first next time. Never
        raises RetryLater.
        """
        if not self._untold or self._monotonic() < self._again:
            return
        for name, model in list(self._untold.items()):
            try:
                self._tell(model)
                del self._untold[name]
            except RetryLater as error:
                delay_s = max(error.delay_s, AGAIN_AFTER_S)
                self._again = self._monotonic() + delay_s
                self._untold[name] = self._untold.pop(name)
                _log.warning("whether %s needs a version is asked again in %.1f s: %s", name, delay_s, error)
                return
