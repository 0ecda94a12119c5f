"""*admit*: requests from the topic, from label time and from the calendar pass admission into SQL."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.contracts.events.platform import Evidence, RetrainRequest
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.errors import DeadLetter, RetryLater
from tidemill.ids import deterministic_id
from tidemill.kafka.headers import TRACEPARENT, find
from tidemill.telemetry.traceparent import new_traceparent, parse_traceparent
from tidemill_learning.admission import BY_HAND, MIXTURE, OPEN, AdmissionDecision, PastRun, Policy, Request, decide
from tidemill_trainer import metrics
from tidemill_trainer.runs.store import Also, RunStore

if TYPE_CHECKING:
    from tidemill.kafka.headers import Headers

_log = logging.getLogger(__name__)


def _nothing(connection: object) -> None:
    """No more is written."""


class Admission:
    """Turns requests into rows. Thread-safe; a request that was recorded before changes nothing."""

    def __init__(
        self,
        store: RunStore,
        specs: Mapping[str, ModelSpec],
        codec: Codec,
        schemas: SchemaCatalog,
        clock: Clock,
        by_hand: int = BY_HAND,
    ) -> None:
        """`by_hand`: runs of a model that people may ask for within a day."""
        self._store = store
        self._specs = specs
        self._codec = codec
        self._reader = schemas.platform("retrain-request")
        self._clock = clock
        self._by_hand = by_hand
        self._lock = threading.Lock()

    def take(self, value: bytes | None, headers: Headers | None) -> None:
        """Admit or refuse one record of the topic; one that cannot be read, or of another model, is passed
        over.
        """
        try:
            request = RetrainRequest.from_dict(self._codec.decode_one(value, self._reader))
        except DeadLetter as error:
            _log.error("a retrain request cannot be read and is passed over: %s", error)
            return
        if request.model in self._specs:
            self.admit(request, find(headers, TRACEPARENT))

    def admit(self, request: RetrainRequest, traceparent: bytes | None = None) -> bool:
        """Pass one request through admission; gives whether it was admitted (or `False` for a repeat)."""
        return self._admit(request, traceparent)

    def _admit(
        self, request: RetrainRequest, traceparent: bytes | None, *, budgeted: bool = False, also: Also = _nothing
    ) -> bool:
        policy = replace(policy_of(self._specs[request.model]), by_hand=self._by_hand)
        now_ms = self._clock.now_ms()
        asked = Request(request.request_id, request.cause, request.fingerprint, request.event_time, budgeted, now_ms)

        def decided(past: Sequence[PastRun]) -> AdmissionDecision:
            if budgeted and any(run.state in OPEN for run in past):
                raise RetryLater(f"{request.model}: a fit is due, and waits until the run that is open has ended")
            return decide(asked, past, policy)

        with self._lock:
            decision = self._store.admit(request, _sampled(traceparent).decode(), decided, also)
        if decision is None:
            return False
        outcome = "accepted" if decision.admitted else "refused"
        metrics.REQUESTS.labels(request.model, request.cause, outcome).inc()
        _log.info(
            "retrain request %s for %s (%s) %s: %s",
            request.request_id,
            request.model,
            request.cause,
            outcome,
            decision.reason,
        )
        return decision.admitted

    def ask_for_fit(self, request: RetrainRequest, also: Also, traceparent: bytes | None = None) -> None:
        """Pass the request of a fit that is due in label time through admission, which its own budget stands in for,
        with what is written in the same transaction; its trace goes on from `traceparent`. Raises `RetryLater` while
        another run of the model is open: nothing is written then.
        """
        if not self._admit(request, traceparent, budgeted=True, also=also):
            _log.warning("a fit of %s that is due is not made", request.model)

    def ask_by_schedule(self, model: str, stream_time_ms: int) -> bool:
        """Ask for a new version if `retrain.every` has passed, in stream time, since the last run."""
        every = self._specs[model].retrain.every
        runs = self._store.past(model) if every is not None else []
        past = [run for run in runs if run.cause != MIXTURE]
        if every is None or not past:
            return False
        since, wanted = stream_time_ms - past[-1].event_time_ms, milliseconds(every)
        if since < wanted:
            return False
        evidence = Evidence(
            detector="calendar",
            kind="schedule",
            subject="retrain.every",
            statistic=float(since),
            threshold=float(wanted),
            detail=f"{since / 3_600_000:.1f} h of event time since the last run",
        )
        return self._ask(model, "schedule", f"schedule/{model}/{stream_time_ms // wanted}", evidence, stream_time_ms)

    def _ask(self, model: str, cause: str, fingerprint: str, evidence: Evidence, stream_time_ms: int) -> bool:
        return self.admit(
            RetrainRequest(
                request_id=deterministic_id(fingerprint), model=model, cause=cause, evidence=(evidence,),  # type: ignore[arg-type]
                fingerprint=fingerprint, requested_by="trainer", requested_at=self._clock.now_ms(),
                event_time=stream_time_ms,
            )
        )  # fmt: skip


def policy_of(spec: ModelSpec) -> Policy:
    """The limits of admission as the model file has them."""
    most = spec.retrain.at_most
    return Policy(milliseconds(spec.retrain.cooldown), (most[0], milliseconds(most[1])) if most else None)


def _sampled(traceparent: bytes | None) -> bytes:
    """A run is rare and always traced: a request outside any sampled trace begins one of its own."""
    parsed = parse_traceparent(traceparent)
    return traceparent if traceparent and parsed and parsed[2] else new_traceparent(1.0)
