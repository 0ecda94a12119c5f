"""Requests that came together are scored together, where the model gains by that.

Nobody waits for others: what is scored at once is what the event loop had read when the first of it was due. A graph
has a cost a call beside its cost a row, and so has everything around it; under load the calls are shared. Clipper
(Crankshaw et al., NSDI 2017, section 4.3) batches so, with a wait; here there is none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import TypeAlias

from tidemill_inference.rest.dataplane import Answered, Checked, ModelEndpoint
from tidemill_inference.rest.scheduling.activity import Sharing
from tidemill_inference.serving.serving import Serving

ENOUGH = 32
"""So many instances are not kept waiting for more: it takes the event loop for a millisecond or so."""

ALONE = 2
"""Requests that are answered in one round of the event loop where each is a call of its own and other models are asked
too. Measured: with more of them no more requests are answered, and those of the others wait longer by as much.
"""

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
    """`apart`: it could not be answered as a whole."""

    entries: deque[tuple[Checked, bytes, Done]] = field(default_factory=deque)
    rows: int = 0
    apart: bool = False


class Gathering:
    """One model's requests on the event loop. `log` takes what was answered, with a traceparent for each row; `most`
    instances are in one call.

    Where other models are asked too (`sharing`), one round of the loop has one call of this one, or ALONE where each
    request is one; the rest waits for the next round, and theirs go between.
    """

    def __init__(self, endpoint: ModelEndpoint, log: Log, most: int = ENOUGH, sharing: Sharing | None = None) -> None:
        self._endpoint = endpoint
        self._log = log
        self._most = most
        self._sharing = sharing or Sharing()
        self._waiting: deque[_Batch] = deque()
        self._due = False

    def join(self, request: Checked, traceparent: bytes, done: Done) -> None:
        """Answer a request soon. `done`, which must not raise, is called on the event loop with its part, or with what
        `ModelEndpoint.predict_checked` raises for this request alone.
        """
        self._sharing.note(self._endpoint.spec.name)
        batch = self._waiting[-1] if self._waiting else None
        if batch is None or batch.apart or batch.rows >= self._most:
            batch = _Batch()
            self._waiting.append(batch)
        batch.entries.append((request, traceparent, done))
        batch.rows += len(request.ids)
        if batch.rows >= self._most and not self._sharing.several:
            self._round()
        else:
            self._call()

    def _call(self) -> None:
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._due_round, context=_NOBODYS)

    def _due_round(self) -> None:
        self._due = False
        self._round()

    def _round(self) -> None:
        """One call where models share the loop, else all that waits."""
        if self._waiting and self._sharing.several:
            self._answer(self._waiting.popleft(), ALONE)
        else:
            for _ in range(len(self._waiting)):
                batch = self._waiting.popleft()
                self._answer(batch, len(batch.entries))
        self._call()

    def _answer(self, batch: _Batch, most_alone: int) -> None:
        serving = self._endpoint.predictor.serving
        together = len(batch.entries) > 1 and not batch.apart and serving is not None and gains(serving)
        if together and serving is not None and self._answer_together(batch, serving):
            return
        batch.apart = True
        for _ in range(min(most_alone, len(batch.entries))):
            self._answer_alone(*batch.entries.popleft())
        if batch.entries:
            self._waiting.appendleft(batch)

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
            done(Part(answered, start, stop))
            start = stop
        return True

    def _answer_alone(self, request: Checked, traceparent: bytes, done: Done) -> None:
        try:
            answered = self._endpoint.predict_checked([request])
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            done(error)
            return
        self._log(self._endpoint, answered, [traceparent] * len(request.ids))
        done(Part(answered, 0, len(request.ids)))


def gains(serving: Serving) -> bool:
    """Whether requests are scored together. During a trial each is a call of its own: calls are what the arms are
    compared by.
    """
    return serving.challenger is None and serving.model.gains_by_batches
