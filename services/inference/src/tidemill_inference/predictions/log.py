"""REST predictions on their way to the predictions topic: queued in memory, written by a thread of their own.

A request never waits for the log. What the queue cannot hold, what a dying process had not sent and what the
broker did not take is lost (at most once), and counted.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from confluent_kafka import KafkaException

from tidemill.breaker import CircuitBreaker
from tidemill.codec import Codec
from tidemill.errors import RetryLater
from tidemill.kafka.client.partitioner import partition_of
from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill_inference import metrics
from tidemill_inference.predictions.entry import Entry
from tidemill_inference.predictions.log_rows import batches, encoded, joined
from tidemill_inference.predictions.trial_reports import ReportWriter
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.serving.serving import Predictions
from tidemill_inference.stream.process import Route

TAKEN_AT_ONCE = 500
IDLE_S = 0.1
LINGER_S = 0.1
METADATA_S = 10.0
FAILURES = 100
"""Deliveries that fail in a row before the broker is taken for away: each has waited its full time then."""
REST_S = 1.0
REPORT_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class Producer(Protocol):
    """What is needed of confluent_kafka.Producer."""

    @property
    def produce(self) -> Callable[..., None]: ...
    @property
    def list_topics(self) -> Callable[..., Any]: ...
    @property
    def poll(self) -> Callable[[float], int]: ...
    @property
    def flush(self) -> Callable[[float], int]: ...


class Producers(Protocol):
    """`now`: the one to begin with. `renewed`: the one to go on with, another one where brokers answer others and not
    this one; it may take seconds.
    """

    @property
    def now(self) -> Producer: ...
    def renewed(self) -> Producer: ...


class PredictionLog:
    """A bounded queue in front of a producer thread."""

    def __init__(
        self, producers: Producers, codec: Codec, routes: Mapping[str, Route], size: int,
        reports: ReportWriter | None = None, breaker: CircuitBreaker | None = None,
    ) -> None:  # fmt: skip
        """`routes` by model. `size`: most predictions that wait; producers are idempotent, not transactional, and are
        asked which one to go on with after deliveries that failed. `reports`: tells how trials go; None where nobody
        reads it. `breaker`: opens after many deliveries failed in a row, so that an outage costs requests nothing.
        """
        self._breaker = breaker or CircuitBreaker("broker", failures=FAILURES, rest_s=REST_S)
        self._reports = reports
        self._reported_s = 0.0
        self._producers, self._producer, self._failed = producers, producers.now, False
        self._codec = codec
        self._routes = routes
        self._size = size
        self._waiting = 0
        self._counts: dict[str, int] = {}
        self._reporters: dict[str, Callable[[Any, Any], None]] = {}
        self._queue: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, entry: Entry) -> bool:
        """Queue the predictions of a call, without waiting; False where they are lost: the queue is full, or the broker
        has been away for long.
        """
        n = len(entry.answered)
        if not self._breaker.allows():
            metrics.LOG_LOST.labels(entry.endpoint.spec.name, "broker_away").inc(n)
            return False
        with self._lock:
            if self._waiting + n > self._size:
                metrics.LOG_LOST.labels(entry.endpoint.spec.name, "queue_full").inc(n)
                return False
            self._waiting += n
        self._queue.put(entry)
        return True

    def take_up(self, routes: Mapping[str, Route]) -> None:
        """Routes of more models, or others of those that there are. From any thread."""
        self._routes = {**self._routes, **routes}

    def close(self, timeout_s: float) -> None:
        """Write what waits, for at most `timeout_s`; the log says how many were left."""
        deadline = time.monotonic() + timeout_s
        self._stop.set()
        self._thread.join(timeout=timeout_s)
        unsent = self._producer.flush(max(0.1, deadline - time.monotonic()))
        if unsent or self._waiting:
            _log.error("%d REST predictions were not logged before the end", unsent + self._waiting)

    def check(self) -> str | None:
        """A liveness check."""
        ended = self._thread.ident is not None and not self._thread.is_alive()
        return "the thread of the prediction log has ended" if ended else None

    def _run(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            entries = self._take()
            by_endpoint: dict[ModelEndpoint, list[Entry]] = defaultdict(list)
            for entry in entries:
                by_endpoint[entry.endpoint].append(entry)
            for endpoint, group in by_endpoint.items():
                self._write(endpoint.spec.name, group)
            self._report()
            self._producer.poll(0)
            if self._failed:
                self._failed, self._producer = False, self._producers.renewed()
            metrics.LOG_QUEUED.set(self._waiting)

    def _take(self) -> list[Entry]:
        """What waits, some rows of it; few wait a moment for more. A batch costs little more than one row, and every
        turn of this thread holds up requests.
        """
        try:
            entries = [self._queue.get(timeout=IDLE_S)]
        except queue.Empty:
            return []
        if self._waiting < TAKEN_AT_ONCE:
            self._stop.wait(LINGER_S)
        rows = len(entries[0].answered)
        while rows < TAKEN_AT_ONCE and not self._queue.empty():
            entries.append(self._queue.get_nowait())
            rows += len(entries[-1].answered)
        with self._lock:
            self._waiting -= rows
        return entries

    def _write(self, model: str, entries: list[Entry]) -> None:
        for entry in entries:
            self._complete(entry.answered.predictions)
        for group in batches([entry.answered for entry in entries]):
            self._write_batch(model, [entries[position] for position in group])

    def _write_batch(self, model: str, entries: list[Entry]) -> None:
        """Entries that can be one batch. Where it cannot be encoded, each is tried alone, so that one is lost for
        itself.
        """
        endpoint = entries[0].endpoint
        route = replace(self._routes[model], record=endpoint.record)  # by which it was asked, whatever is at work now
        answered = joined([entry.answered for entry in entries])
        contexts = [context for entry in entries for context in entry.contexts]
        try:
            callers = [context.caller for context in contexts]
            values = encoded(answered, _times_ms(entries), callers, route, self._codec)
        except (RetryLater, ValueError) as error:
            if len(entries) > 1:
                for entry in entries:
                    self._write_batch(model, [entry])
                return
            _log.error("a REST prediction cannot be logged: %s", error)
            metrics.LOG_LOST.labels(model, "not_encoded").inc(len(answered))
            return
        keys = endpoint.keys(answered.records)
        places: Sequence[bytes | None] = answered.places or [None] * len(answered)
        for value, key, place, context in zip(values, keys, places, contexts, strict=True):
            self._produce(route.predictions_topic, model, value, key, [(TRACEPARENT, context.traceparent)], place)

    def _complete(self, predictions: Predictions) -> None:
        """Ask the arm of a trial that did not answer, here, where no request waits for it. While the log falls behind
        (a slow challenger) it is not asked: what goes out must be written.
        """
        if predictions.both is None:
            return
        if self._waiting < self._size / 2:
            predictions.both.complete()
        metrics.tried(predictions)
        if self._reports is not None:
            self._reports.tally.add(predictions)
            self._report()  # a slow challenger is told of while it is slow

    def _report(self) -> None:
        """Write how trials go, once a second."""
        now = time.monotonic()
        if self._reports is None or now < self._reported_s + REPORT_EVERY_S:
            return
        self._reported_s = now
        try:
            outputs = self._reports.outputs(time.time_ns() // 1_000_000)
            for output in outputs:
                for value, key in zip(output.values, output.keys or (), strict=True):
                    self._producer.produce(output.topic, value, key=key, partition=0)
        except (RetryLater, BufferError, KafkaException) as error:
            _log.warning("a report of a trial is lost: %s", error)

    def _produce(self, topic: str, model: str, value: bytes, key: bytes, headers: Headers, place: bytes | None) -> None:
        """`place`: the key that chooses the partition where it is not the record's own: labels keep the partition of
        the entity's key, and a hidden key would be put elsewhere.
        """
        delivered = self._delivered(model)
        try:
            options = {} if place is None else {"partition": partition_of(place, self._partitions(topic))}
            self._producer.produce(topic, value, key=key, headers=headers, on_delivery=delivered, **options)
        except BufferError:
            metrics.LOG_LOST.labels(model, "producer_full").inc()
        except KafkaException as error:  # too large, say
            _log.error("a REST prediction cannot be logged: %s", error.args[0].str())
            metrics.LOG_LOST.labels(model, "not_delivered").inc()

    def _partitions(self, topic: str) -> int:
        """How many the topic has: asked once, they never change. Raises KafkaException."""
        if topic not in self._counts:
            found = self._producer.list_topics(topic, timeout=METADATA_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._counts[topic] = len(found.partitions)
        return self._counts[topic]

    def _delivered(self, model: str) -> Callable[[Any, Any], None]:
        """What is called at the end of each delivery; one for a model."""
        if model not in self._reporters:
            self._reporters[model] = self._reporter(model)
        return self._reporters[model]

    def _reporter(self, model: str) -> Callable[[Any, Any], None]:
        written = metrics.LOG_WRITTEN.labels(model)

        def report(error: Any, message: Any) -> None:
            if error is None:
                self._breaker.succeeded()
                written.inc()
            else:
                self._breaker.failed()
                self._failed = True
                metrics.LOG_LOST.labels(model, "not_delivered").inc()
                _log.error("a REST prediction was not logged: %s", error)

        return report


def _times_ms(entries: Sequence[Entry]) -> list[int]:
    return [entry.answered.predicted_at_ms for entry in entries for _ in range(len(entry.answered))]
