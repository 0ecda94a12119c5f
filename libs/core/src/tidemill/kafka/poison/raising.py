"""A record on which a worker's logic fails must not stop the others for ever.

A batch whose processing raises what nobody raises on purpose is cut in halves until the records are found that
it is about. Each is tried again some times, for what passes; then it is set aside, and the rest goes on. Where many
records fail it is not the records: then nothing is set aside, and the process ends with the exception.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tidemill.errors import RetryLater, TidemillError
from tidemill.kafka import metrics
from tidemill.kafka.batch import Batch, Output

__all__ = ["MOST_AT_ONCE", "TRIES", "Careful", "SetAside", "told", "where"]

SetAside = Callable[[Batch, str], list[Output]]
"""Given one record, as a batch, and what it raised, in words: what to write in its place."""

TRIES = 3
"""Times that a record fails before it is set aside, each after a longer wait."""
MOST_AT_ONCE = 10
"""Records of one batch; more of them fail for another reason than themselves."""
_WAITS_S = (0.5, 2.0)
_MOST_REMEMBERED = 1_000
_log = logging.getLogger(__name__)


class Careful:
    """`process`, but for single records that it cannot bear. Used by one thread at a time.

    `process` may be asked again for records that it was asked before, in the order of their offsets.
    """

    def __init__(self, process: Callable[[list[Batch]], list[Output]], set_aside: SetAside) -> None:
        self._process = process
        self._set_aside = set_aside
        self._failures: dict[tuple[str, int, int], int] = {}

    def __call__(self, batches: list[Batch]) -> list[Output]:
        """Raises RetryLater where a record has failed and is to be tried again; else what `process` raises."""
        try:
            return self._process(batches)
        except TidemillError:
            raise
        except Exception as error:  # noqa: BLE001 - passed on where it is not about single records
            first = error
        found: list[tuple[Batch, Exception]] = []
        outputs = [output for batch in batches for output in self._halves(batch, found, first)]
        self._try_again(found)
        for one, cause in found:
            self._failures.pop(_key(one), None)
            metrics.SET_ASIDE.labels(one.topic).inc()
            _log.error("%s is set aside: it failed %d times: %s", where(one), TRIES, told(cause))
        return outputs

    def _try_again(self, found: list[tuple[Batch, Exception]]) -> None:
        """Raises RetryLater while one of them has not failed often enough."""
        if len(self._failures) > _MOST_REMEMBERED:
            self._failures.clear()
        for one, _ in found:
            self._failures[_key(one)] = self._failures.get(_key(one), 0) + 1
        young = [(self._failures[_key(one)], one, cause) for one, cause in found if self._failures[_key(one)] < TRIES]
        if young:
            tries, one, cause = min(young, key=lambda item: item[0])
            raise RetryLater(
                f"{where(one)} fails, {tries} of {TRIES} times, and is set aside if it goes on: {told(cause)}",
                delay_s=_WAITS_S[min(tries, len(_WAITS_S)) - 1],
            )

    def _halves(self, batch: Batch, found: list[tuple[Batch, Exception]], first: Exception) -> list[Output]:
        try:
            return self._process([batch])
        except TidemillError:
            raise
        except Exception as error:
            if len(batch) == 1:
                found.append((batch, error))
                if len(found) > MOST_AT_ONCE:
                    raise first from error
                return self._set_aside(batch, told(error))
        middle = len(batch) // 2
        parts = batch.part(0, middle), batch.part(middle, len(batch))
        return [output for part in parts for output in self._halves(part, found, first)]


def _key(one: Batch) -> tuple[str, int, int]:
    return one.topic, one.partitions[0], one.offsets[0]


def where(one: Batch) -> str:
    """The position of a record."""
    return "/".join(map(str, _key(one)))


def told(error: Exception) -> str:
    """What was raised and where, without its text: that may quote personal values."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    at = "" if place is None else f" at {place.tb_frame.f_globals.get('__name__', '?')}:{place.tb_lineno}"
    return f"{type(error).__name__}{at}"
