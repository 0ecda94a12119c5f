"""Requests that came together are scored together, where the model gains by that.

Nobody waits for others: what is scored at once is what the event loop had read when the first of it was due. A graph
has a cost a call beside its cost a row, and so has everything around it; under load the calls are shared. Clipper
(Crankshaw et al., NSDI 2017, section 4.3) batches so, with a wait; here there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import TypeAlias

from tidemill_inference.dataplane import Answered, Checked, ModelEndpoint
from tidemill_inference.serving import Serving

ENOUGH = 32
"""So many instances are not kept waiting for more: it takes the event loop for a millisecond or so."""

_NOBODYS = Context()
"""What is done for many is done in nobody's trace."""

Log: TypeAlias = Callable[[ModelEndpoint, Answered, Sequence[bytes]], object]


@dataclass(slots=True)
class Part:
    """One request's part of what was answered together: rows `start` to `stop`."""

    answered: Answered
    start: int
    stop: int


Done: TypeAlias = Callable[[Part | Exception], object]


@dataclass(slots=True)
class _Batch:
    requests: list[Checked] = field(default_factory=list)
    traceparents: list[bytes] = field(default_factory=list)
    ends: list[Done] = field(default_factory=list)


class Gathering:
    """One model's requests on the event loop. `log` takes what was answered, with a traceparent for each row; `most`
    instances are in one call.
    """

    def __init__(self, endpoint: ModelEndpoint, log: Log, most: int = ENOUGH) -> None:
        self._endpoint = endpoint
        self._log = log
        self._most = most
        self._open: _Batch | None = None

    def join(self, request: Checked, traceparent: bytes, done: Done) -> None:
        """Answer a request soon. `done`, which must not raise, is called on the event loop with its part, or with what
        `ModelEndpoint.predict_checked` raises for this request alone.
        """
        batch = self._open
        if batch is None:
            self._open = batch = _Batch()
            asyncio.get_running_loop().call_soon(self._answer, batch, context=_NOBODYS)
        batch.requests.append(request)
        batch.traceparents += [traceparent] * len(request.ids)
        batch.ends.append(done)
        if len(batch.traceparents) >= self._most:
            self._answer(batch)

    def _answer(self, batch: _Batch) -> None:
        """Once: when there are enough, or when what had been read is through."""
        if self._open is not batch:
            return
        self._open = None
        serving = self._endpoint.predictor.serving
        together = len(batch.requests) > 1 and serving is not None and _gains(serving)
        if serving is None or not together or not self._answer_together(batch, serving):
            start = 0
            for request, done in zip(batch.requests, batch.ends, strict=True):
                stop = start + len(request.ids)
                self._answer_alone(request, batch.traceparents[start:stop], done)
                start = stop

    def _answer_together(self, batch: _Batch, serving: Serving) -> bool:
        """False where it cannot be answered as a whole: then one of the requests is to blame, and that alone is to
        suffer.
        """
        try:
            answered = self._endpoint.predict_checked(batch.requests, serving)
        except Exception:  # noqa: BLE001 - each request finds its own
            return False
        self._log(self._endpoint, answered, batch.traceparents)
        start = 0
        for request, done in zip(batch.requests, batch.ends, strict=True):
            stop = start + len(request.ids)
            done(Part(answered, start, stop))
            start = stop
        return True

    def _answer_alone(self, request: Checked, traceparents: list[bytes], done: Done) -> None:
        try:
            answered = self._endpoint.predict_checked([request])
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            done(error)
            return
        self._log(self._endpoint, answered, traceparents)
        done(Part(answered, 0, len(request.ids)))


def _gains(serving: Serving) -> bool:
    """During a trial each request is a call of its own: calls are what the arms are compared by."""
    return serving.challenger is None and serving.model.gains_by_batches
