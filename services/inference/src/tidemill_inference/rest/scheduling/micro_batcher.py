"""Requests that came together are scored together, where the model gains by that.

Nobody waits for others: what is scored at once is what the event loop had read when the first of it was due. A graph
has a cost a call beside its cost a row, and so has everything around it; under load the calls are shared. Clipper
(Crankshaw et al., NSDI 2017, section 4.3) batches so, with a wait; here there is none.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tidemill_inference import metrics
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import Answered, Checked, ModelEndpoint
from tidemill_inference.rest.scheduling.scheduler import Scheduler
from tidemill_inference.serving.serving import Serving

ENOUGH = 32
"""So many instances are not kept waiting for more: it takes the event loop for a millisecond or so."""

Log: TypeAlias = Callable[[ModelEndpoint, Answered, Sequence[RequestContext]], object]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Part:
    """One request's part of what was answered together: rows `start` to `stop`."""

    answered: Answered
    start: int
    stop: int


Done: TypeAlias = Callable[[Part | Exception], object]


@dataclass(slots=True)
class _Batch:
    """`apart`: it could not be answered as a whole."""

    entries: deque[tuple[Checked, RequestContext, Done]] = field(default_factory=deque)
    rows: int = 0
    apart: bool = False


class MicroBatcher:
    """One model's small requests. `log` takes what was answered, with the context of its request for each row; `most`
    instances are in one call. When that is, `scheduler` says.
    """

    def __init__(self, endpoint: ModelEndpoint, log: Log, scheduler: Scheduler, most: int = ENOUGH) -> None:
        self._endpoint = endpoint
        self._log = never_raising(log)
        self._scheduler = scheduler
        self._most = most
        self._waiting: deque[_Batch] = deque()

    def join(self, request: Checked, context: RequestContext, done: Done) -> None:
        """Answer a request soon. `done`, which must not raise, is called on the event loop with its part, or with what
        `ModelEndpoint.predict_checked` raises for this request alone.
        """
        model, scheduler = self._endpoint.spec.name, self._scheduler
        scheduler.note(model)
        batch = self._waiting[-1] if self._waiting else None
        if batch is None or batch.apart or batch.rows >= self._most:
            batch = _Batch()
            self._waiting.append(batch)
            scheduler.put(model, self._begin)
        batch.entries.append((request, context, done))
        batch.rows += len(request.ids)
        if batch.rows >= self._most and not scheduler.several:
            scheduler.begin_all(model)

    def _begin(self, most: int) -> int:
        """Answer the batch that is first: in one call, or up to `most` of its requests, each by itself."""
        batch = self._waiting.popleft()
        serving = self._endpoint.predictor.serving
        together = len(batch.entries) > 1 and not batch.apart and serving is not None and gains(serving)
        if together and serving is not None and self._answer_together(batch, serving):
            return most
        batch.apart = True
        begun = min(most, len(batch.entries))
        for _ in range(begun):
            self._answer_alone(*batch.entries.popleft())
        if batch.entries:
            self._waiting.appendleft(batch)
            self._scheduler.put_back(self._endpoint.spec.name, self._begin)
        return begun

    def _answer_together(self, batch: _Batch, serving: Serving) -> bool:
        """False where it cannot be answered as a whole: then one of the requests is to blame, and that alone is to
        suffer.
        """
        try:
            answered = self._endpoint.predict_checked([request for request, _, _ in batch.entries], serving)
        except Exception:  # noqa: BLE001 - each request finds its own
            return False
        self._log(self._endpoint, answered, [of for request, of, _ in batch.entries for _ in request.ids])
        start = 0
        for request, _, done in batch.entries:
            stop = start + len(request.ids)
            _hand_over(done, Part(answered, start, stop))
            start = stop
        return True

    def _answer_alone(self, request: Checked, context: RequestContext, done: Done) -> None:
        try:
            answered = self._endpoint.predict_checked([request])
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            _hand_over(done, error)
            return
        self._log(self._endpoint, answered, [context] * len(request.ids))
        _hand_over(done, Part(answered, 0, len(request.ids)))


def never_raising(log: Log) -> Log:
    """`log`, whose failure keeps nobody from an answer: what is lost then is counted, and told with the reason."""

    def guarded(endpoint: ModelEndpoint, answered: Answered, contexts: Sequence[RequestContext]) -> None:
        try:
            log(endpoint, answered, contexts)
        except Exception:  # noqa: BLE001 - whatever it is, whoever asked gets the answer
            metrics.LOG_LOST.labels(endpoint.spec.name, "defect").inc(len(answered))
            _log.exception("REST predictions cannot be logged", extra={"model": endpoint.spec.name})

    return guarded


def _hand_over(done: Done, found: Part | Exception) -> None:
    try:
        done(found)
    except Exception:  # noqa: BLE001 - whatever it is, others wait behind it
        _log.exception("a request cannot be answered")


def gains(serving: Serving) -> bool:
    """Whether requests are scored together. During a trial each is a call of its own: calls are what the arms are
    compared by.
    """
    return serving.challenger is None and serving.model.gains_by_batches
