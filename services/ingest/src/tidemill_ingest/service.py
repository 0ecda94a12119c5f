"""What a request means: items in, records stored, an answer out. Knows no HTTP and no Kafka: the sink is
handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from opentelemetry.trace import SpanKind, Tracer

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import build_each
from tidemill.errors import RetryLater
from tidemill.json.row_forms import event_form, label_form
from tidemill.json.rows import FieldError, from_json
from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.spans import span_of
from tidemill.telemetry.tracing import context_of, current_traceparent
from tidemill_ingest import metrics
from tidemill_ingest.answers import Accepted, ItemError, Problem, status_of
from tidemill_ingest.bodies import MalformedBody, TooManyItems, read_items
from tidemill_ingest.records import Converted, Record, Target, convert


class Undelivered(Protocol):
    """Why a record was not acknowledged; `stored` None where that is not known; `lasting` where a retry fails
    too.
    """

    @property
    def reason(self) -> str: ...
    @property
    def stored(self) -> bool | None: ...
    @property
    def lasting(self) -> bool: ...


class Sink(Protocol):
    """Where records are stored."""

    async def publish(
        self, topic: str, records: Sequence[Record], headers: Sequence[tuple[str, bytes]]
    ) -> Sequence[Undelivered | None]: ...


class Rejected(Exception):
    """A request that is answered with a problem instead of item by item."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem


class IngestService:
    """Takes request bodies for the events and labels of models. One for a process.

    Items are converted in a thread of their own: a large request does not keep others waiting, and the codec
    stays in one thread.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        codec: Codec,
        sink: Sink,
        clock: Clock,
        tracer: Tracer,
        max_items: int,
    ) -> None:
        self._targets = {(target.role, target.model): target for target in targets}
        self._codec = codec
        self._sink = sink
        self._clock = clock
        self._tracer = tracer
        self._max_items = max_items
        self._converter = ThreadPoolExecutor(1, thread_name_prefix="convert")

    def take_up(self, targets: Iterable[Target]) -> None:
        """Take records of more models, and those of changed models as these say; a request that has begun ends as it
        began. From any thread.
        """
        self._targets = {**self._targets, **{(target.role, target.model): target for target in targets}}

    def close(self) -> None:
        """Release the converting thread."""
        self._converter.shutdown(wait=False, cancel_futures=True)

    def knows(self, model: str) -> bool:
        """Whether there is a model of that name."""
        return ("raw", model) in self._targets

    def target(self, role: str, model: str, shown: Callable[[str], bool] = lambda model: True) -> Target:
        """Where a model's records go. `shown`: whether whoever asks may know of a model. Raises Rejected: 404 with the
        models that there are, 409 where a model reads from a topic of someone else's.
        """
        found = self._targets.get((role, model))
        if found is None:
            known = sorted({name for _, name in self._targets if shown(name)})
            message = f"there is no model of that name; known are {', '.join(known) or 'none'}"
            raise Rejected(404, Problem(error="unknown_model", message=message, models=known))
        if found.external:
            what = "labels" if role == "labels_raw" else "events"
            message = f"the {what} of {model} come from its source, the topic {found.topic}: produce them there"
            raise Rejected(409, Problem(error="external_source", message=message))
        return found

    def describe(self, model: str, shown: Callable[[str], bool] = lambda model: True) -> dict[str, Any]:
        """What rows of a model have to be: `events` and `labels`, each null where it comes from someone else's topic.
        `shown`: as of `target`. Raises Rejected: 404 with the models that there are.
        """
        found = {role: self._targets.get((role, model)) for role in ("raw", "labels_raw")}
        if None in found.values():
            self.target("raw", model, shown)
        told = {role: None if one is None or one.external else one.form.content for role, one in found.items()}
        return {"name": model, "events": told["raw"], "labels": told["labels_raw"]}

    async def accept(
        self,
        target: Target,
        body: bytes,
        content_type: str | None,
        traceparent: str | None,
        *,
        make_ids: bool = False,
        event_ids: Iterator[str] | None = None,
        told: Callable[[bytes | None], object] = lambda context: None,
    ) -> tuple[int, Accepted]:
        """Store the items of a body; the status and the outcome of each. Returns when Kafka has acknowledged
        or failed. `make_ids`: items without event id get one, the next of `event_ids` where they are given. `told` gets
        the traceparent that goes on with the records.

        Raises Rejected for a body that is not JSON (400), has too many items (413), or cannot be encoded now
        (503).
        """
        given: Headers | None = [(TRACEPARENT, traceparent.encode())] if traceparent and traceparent.isascii() else None
        with span_of(self._tracer, f"send {target.topic}", context=context_of(given), kind=SpanKind.PRODUCER) as span:
            context = current_traceparent()
            told(context)
            converted = await self._convert(target, body, content_type, make_ids, event_ids)
            span.set_attributes(
                {
                    "messaging.system": "kafka",
                    "messaging.operation.type": "send",
                    "messaging.destination.name": target.topic,
                    "messaging.batch.message_count": len(converted.records),
                }
            )
            headers = [(TRACEPARENT, context)] if context else []
            failures = await self._sink.publish(target.topic, converted.records, headers) if converted.records else []
        return _outcome(target, converted, failures)

    async def _convert(
        self, target: Target, body: bytes, content_type: str | None, make_ids: bool, event_ids: Iterator[str] | None
    ) -> Converted:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._converter, self._read_and_convert, target, body, content_type, make_ids, event_ids
            )
        except MalformedBody as error:
            message = f"the body is not JSON: {error.message} at line {error.line}, column {error.column}"
            problem = Problem(error="malformed_json", message=message, line=error.line, column=error.column)
            raise Rejected(400, problem) from error
        except TooManyItems as error:
            raise Rejected(413, Problem(error="too_large", message=str(error))) from error
        except RetryLater as error:
            raise Rejected(503, Problem(error="unavailable", message=str(error))) from error

    def _read_and_convert(
        self, target: Target, body: bytes, content_type: str | None, make_ids: bool, event_ids: Iterator[str] | None
    ) -> Converted:
        items = read_items(body, content_type, self._max_items)
        return convert(items, target, self._codec, self._clock, make_ids=make_ids, event_ids=event_ids)


def _outcome(target: Target, converted: Converted, failures: Sequence[Undelivered | None]) -> tuple[int, Accepted]:
    errors = [ItemError(index=r.index, field=r.field, reason=r.reason) for r in converted.refusals]
    accepted: list[str] = []
    unstored = lasting = 0
    for record, failure in zip(converted.records, failures, strict=True):
        if failure is None:
            accepted.append(record.event_id)
            continue
        unstored += not failure.lasting
        lasting += failure.lasting
        errors.append(
            ItemError(
                index=record.index,
                field="",
                reason=failure.reason,
                event_id=record.event_id,
                stored=failure.stored,
            )
        )
    errors.sort(key=lambda error: error.index)
    refused = converted.refused + lasting
    _count(target, len(accepted), refused, unstored)
    return status_of(len(accepted), refused, unstored), Accepted(
        accepted=len(accepted),
        event_ids=accepted,
        errors=errors,
        more_errors=converted.more or None,
        more_refused=converted.more_items or None,
    )


def _count(target: Target, accepted: int, refused: int, unstored: int) -> None:
    for outcome, number in (("accepted", accepted), ("refused", refused), ("unstored", unstored)):
        metrics.RECORDS.labels(target.model, target.role, outcome).inc(number)


BuildModels = Callable[[Iterable[ModelSpec], Callable[[ModelSpec], list[Target]]], dict[str, list[Target]]]
"""`build_each`, or `build_all`."""


def build_targets(
    models: Iterable[ModelSpec], topics: TopicCatalog, schemas: SchemaCatalog, each: BuildModels = build_each
) -> list[Target]:
    """The targets of all models: events and labels. A model with a schema that JSON rows cannot fill is left out;
    raises ConfigError where none is left, or as `each` says.
    """

    def build(spec: ModelSpec) -> list[Target]:
        raw, labels_raw = topics.name("raw", spec.name), topics.name("labels_raw", spec.name)
        record, label = schemas.record(spec.name), schemas.label(spec.name)
        external = [topics.is_external(role, spec.name) for role in ("raw", "labels_raw")]
        events = Target(spec.name, "raw", raw, event_form(spec, record), external[0])
        labels = Target(spec.name, "labels_raw", labels_raw, label_form(spec, record, label), external[1])
        for target in (events, labels):
            _compile(target)
        return [events, labels]

    return [target for pair in each(models, build).values() for target in pair]


def _compile(target: Target) -> None:
    """Find out at start whether JSON can hold the schema's types."""
    try:
        from_json({}, target.form.schema)
    except FieldError:
        return  # an empty row is wrong, as it should be: its schema is not
