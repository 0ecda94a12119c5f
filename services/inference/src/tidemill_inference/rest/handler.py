"""From a request to an answer, whatever the protocol: found, scored, traced, logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from opentelemetry.trace import get_current_span
from starlette.concurrency import run_in_threadpool

from tidemill.access import Caller, Scope
from tidemill.json.values import cut
from tidemill.telemetry.logs import model_version
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint, Prepared
from tidemill_inference.rest.problems import Problem, refusing
from tidemill_inference.rest.scheduling.cold_load import WantedModels
from tidemill_inference.rest.scheduling.micro_batcher import ENOUGH, Log, MicroBatcher, never_raising
from tidemill_inference.rest.scheduling.scheduler import Scheduler
from tidemill_inference.rest.score_cache.keys import cache_keys, read_scores, written_scores
from tidemill_inference.rest.tracing import RequestSpans, note_version, span_name
from tidemill_inference.serving.serving import Predictions

if TYPE_CHECKING:
    from tidemill_inference.rest.score_cache.redis import ScoreCache

SCORED_IN_PLACE = 32
"""Up to so many instances are scored on the event loop (about a millisecond); more of them in a thread."""

LogPredictions = Log


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send, and when to come back. `body_bytes` and `instances`: of JSON and tensors; those of
    Arrow are `arrow_bytes` and `arrow_rows`. `batch_threads`: the requests of more than SCORED_IN_PLACE rows that are
    worked at once; `batch_queue`: of one model, those that wait.
    """

    body_bytes: int
    instances: int
    retry_after_s: int
    arrow_bytes: int = 16 << 20
    arrow_rows: int = 10_000
    batch_threads: int = 1
    batch_queue: int = 64


class Predicting:
    """What every protocol shares. `endpoints` by model; `log` takes every answered prediction and must not wait."""

    def __init__(
        self,
        endpoints: Mapping[str, ModelEndpoint],
        log: LogPredictions,
        limits: Limits,
        spans: RequestSpans,
        cache: ScoreCache | None = None,
        together: int = ENOUGH,
    ) -> None:
        """`together`: how many instances of small requests are in one call."""
        self.endpoints = dict(endpoints)
        self.limits = limits
        self._log = never_raising(log)
        self._together = together
        self.spans = spans
        self.scheduler = Scheduler(limits.batch_threads, limits.batch_queue)
        self._batchers = {endpoint: self._new_batcher(endpoint) for endpoint in endpoints.values()}
        self._former: dict[ModelEndpoint, MicroBatcher] = {}
        self._cache = cache
        self._wanted = WantedModels()

    def take_up(self, endpoints: Mapping[str, ModelEndpoint]) -> None:
        """Answer by these from now on, for new models and in place of those of changed ones. Requests that have begun
        end where they did. On the event loop.
        """
        self._former = {
            endpoint: batcher for endpoint, batcher in self._batchers.items() if endpoint.spec.name in endpoints
        }
        self.endpoints.update(endpoints)
        self._batchers = {
            endpoint: self._batchers.get(endpoint) or self._new_batcher(endpoint)
            for endpoint in self.endpoints.values()
        }

    def endpoint(self, model: str, caller: Caller | None = None) -> ModelEndpoint:
        """The endpoint of a model that the gate has let the caller ask for. Raises Problem 404."""
        found = self.endpoints.get(model)
        if found is None:
            known = ", ".join(sorted(endpoint.spec.name for endpoint in self.shown(caller))) or "none"
            raise Problem(404, "unknown_model", f"no model {cut(model)!r} here: there are {known}")
        return found

    def shown(self, caller: Caller | None) -> list[ModelEndpoint]:
        """The endpoints that a caller (None: anybody) may know of: all, but for a scope of one model."""
        return [
            endpoint for model, endpoint in self.endpoints.items() if caller is None or caller.may(Scope.PREDICT, model)
        ]

    async def answer(
        self, request: Request, endpoint: ModelEndpoint, prepare: Callable[[], Prepared], size: int
    ) -> tuple[Answered, dict[str, str]]:
        """Predict for what `prepare` makes of the request, `size` instances; the answers and the headers that go
        with them. Raises Problem.
        """
        caller = request.scope.get("state", {}).get("caller")
        given = request.headers.get("traceparent", "").encode("latin-1", "replace")
        traceparent = self.spans.unrecorded(given)
        if traceparent is None:
            with self.spans.span(span_name(endpoint.spec.name), given) as traceparent:
                answered = await self._predict(endpoint, prepare, size)
                self._note(endpoint, answered, RequestContext(traceparent, caller))
        else:
            answered = await self._predict(endpoint, prepare, size)
            self._note(endpoint, answered, RequestContext(traceparent, caller))
        request.state.traceparent = traceparent
        return answered, headers_of(answered.predictions, traceparent)

    def batches(self, endpoint: ModelEndpoint, size: int) -> bool:
        """Whether so many instances are answered together with those of others."""
        return size <= SCORED_IN_PLACE and (self._cache is None or not self._cache.covers(endpoint.spec.name))

    def batcher(self, endpoint: ModelEndpoint) -> MicroBatcher:
        """Where the requests of a model come together."""
        return self._batchers.get(endpoint) or self._former[endpoint]

    def _new_batcher(self, endpoint: ModelEndpoint) -> MicroBatcher:
        return MicroBatcher(endpoint, self._log, self.scheduler, self._together)

    def _note(self, endpoint: ModelEndpoint, answered: Answered, context: RequestContext) -> None:
        model_version.set(note_version(get_current_span(), answered.predictions))
        self._log(endpoint, answered, [context] * len(answered))

    async def _cached(self, endpoint: ModelEndpoint, prepare: Callable[[], Prepared]) -> Answered:
        """Predict by the cache where it knows all rows, else by the model. A trial is never cached: both arms are to
        be asked.
        """
        assert self._cache is not None
        prepared = prepare()
        if prepared.serving.challenger is not None:
            return endpoint.finish(prepared, endpoint.score(prepared))
        model, keys = endpoint.spec.name, cache_keys(prepared)
        values = await self._cache.get(model, keys)
        known = read_scores(prepared.serving, values) if values is not None else None
        if known is not None:
            return endpoint.finish(prepared, known)
        predictions = endpoint.score(prepared)
        answered = endpoint.finish(prepared, predictions)
        self._cache.put(dict(zip(keys, written_scores(predictions), strict=True)))
        return answered

    async def _predict(self, endpoint: ModelEndpoint, prepare: Callable[[], Prepared], size: int) -> Answered:
        def work() -> Answered:
            prepared = prepare()
            return endpoint.finish(prepared, endpoint.score(prepared))

        with refusing(self.limits.retry_after_s):
            serving = endpoint.predictor.current()
            _held = serving.hold() or await self._wanted.load(serving)  # so that nothing is loaded in place
            if size > SCORED_IN_PLACE:
                del _held  # what waits keeps no model in memory
                async with self.scheduler.thread(endpoint.spec.name):
                    return await run_in_threadpool(work)
            if self._cache is not None and self._cache.covers(endpoint.spec.name):
                return await self._cached(endpoint, prepare)
            return work()


def headers_of(predictions: Predictions, traceparent: bytes) -> dict[str, str]:
    """The headers that go with an answer; their names in lower case, as they are sent."""
    return {
        "x-model-version": predictions.version_name,
        "x-model-epoch": str(predictions.serving.epoch),
        "traceparent": traceparent.decode(),
    }
