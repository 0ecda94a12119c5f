"""Pushes the year: events at their scheduled departure, labels once they are known, at the pace of a
simulated clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.traceparent import new_traceparent
from tidemill_flights.data.flights import Flights
from tidemill_flights.data.spoil import Spoil, Spoiler
from tidemill_flights.feed.background import Background
from tidemill_flights.feed.sim_clock import SimClock
from tidemill_operations.push.sending import Sender

TICK_S = 0.05
FINAL_FLUSH_S = 90.0


@dataclass(slots=True)
class StreamState:
    """How far the stream is. `sim_ms`: simulated time; `row`: events up to here have been sent; counts are of
    records handed over.
    """

    sim_ms: float
    events: int = 0
    labels: int = 0
    by_rest: int = 0
    row: int = 0
    pace: float = 1.0
    first_push: float | None = None
    last_push: float | None = None
    done: bool = False
    failure: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamContext:
    """What is streamed, and by what means. `fates`: int8 [n] of `Spoil`. `by_rest`: bool [n], rows that are handed to
    `rest` and go through ingest instead. `pace` is asked at every tick how fast the platform lets us go, 0 to 1.
    """

    flights: Flights
    spec: ModelSpec
    topics: TopicCatalog
    schemas: SchemaCatalog
    codec: Codec
    sender: Sender
    clock: SimClock
    fates: np.ndarray
    by_rest: np.ndarray
    rest: Callable[[pa.RecordBatch], None]
    pace: Callable[[], float]
    trace_ratio: float


class Streamer(Background):
    """The producer of the demo, in a thread of its own."""

    def __init__(self, context: StreamContext) -> None:
        super().__init__("streamer")
        flights, spec, schemas = context.flights, context.spec, context.schemas
        self.state = StreamState(context.clock.now)
        self._flights = flights
        self._batch = flights.table.combine_chunks().to_batches()[0]
        self._spec = spec
        self._raw = context.topics.name("raw", spec.name)
        self._labels = context.topics.name("labels_raw", spec.name)
        self._label_schema = schemas.label(spec.name)
        self._codec = context.codec
        self._spoiler = Spoiler(context.codec, schemas.record(spec.name))
        self._sender = context.sender
        self._clock = context.clock
        self._fates = context.fates
        self._by_rest = context.by_rest
        self._rest = context.rest
        self._pace = context.pace
        self._trace_ratio = context.trace_ratio
        self._label_row = 0
        self._scheduled_labels = flights.observed[flights.by_observed]
        self._again: list[tuple[bytes, bytes, Headers]] = []

    def forget(self) -> None:
        """Lets go of the flights; only `state` is left."""
        del self._flights, self._batch, self._scheduled_labels

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self._finished():
                began = time.monotonic()
                self._tick(began)
                self._stop.wait(max(0.0, began + TICK_S - time.monotonic()))
            self._send_again()
            self._sender.flush(FINAL_FLUSH_S)
            self.state.last_push = time.monotonic()
            self.state.done = True
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.state.failure = error

    def _finished(self) -> bool:
        return self.state.row >= len(self._flights) and self._label_row >= len(self._scheduled_labels)

    def _tick(self, now: float) -> None:
        state = self.state
        state.first_push = state.first_push or now
        state.pace = self._pace()
        state.sim_ms = self._clock.advance(now, state.pace)
        self._send_again()
        upto = int(np.searchsorted(self._flights.scheduled, state.sim_ms, side="right"))
        if upto > state.row:
            self._send_events(state.row, upto)
            state.row = upto
        labels_upto = int(np.searchsorted(self._scheduled_labels, state.sim_ms, side="right"))
        if labels_upto > self._label_row:
            self._send_labels(self._flights.by_observed[self._label_row : labels_upto])
            self._label_row = labels_upto

    def _send_events(self, first: int, upto: int) -> None:
        rows = self._batch.slice(first, upto - first)
        rest = self._by_rest[first:upto]
        if rest.any():
            self._rest(rows.filter(pa.array(rest)))
            self.state.by_rest += int(rest.sum())
            rows = rows.filter(pa.array(~rest))
        fates = self._fates[first:upto][~rest]
        if not len(rows):
            return
        values = self._spoiler.encode(rows, fates)
        keys = self._keys(rows)
        headers = self._headers(len(values))
        self._sender.send(self._raw, keys, values, headers)
        self.state.events += len(values)
        self._again = [(keys[at], values[at], headers[at]) for at in np.flatnonzero(fates == Spoil.TWICE)]

    def _send_again(self) -> None:
        if not self._again:
            return
        keys, values, headers = zip(*self._again, strict=True)
        self._sender.send(self._raw, keys, values, headers)
        self.state.events += len(values)
        self._again = []

    def _send_labels(self, rows: np.ndarray) -> None:
        taken = self._batch.take(pa.array(rows))
        moment = pa.timestamp("ms", "UTC")
        labels = pa.RecordBatch.from_pydict(
            {
                "event_id": taken.column(self._spec.event_id),
                "label": pa.array(self._flights.late[rows]),
                "event_time": pa.array(self._flights.scheduled[rows]).cast(moment),
                "observed_at": pa.array(self._flights.observed[rows]).cast(moment),
            }
        )
        values = self._codec.encode(labels, self._label_schema)
        self._sender.send(self._labels, self._keys(taken), values, self._headers(len(values)))
        self.state.labels += len(values)

    def _keys(self, rows: pa.RecordBatch) -> list[bytes]:
        """The entity as UTF-8, the event id where there is none."""
        entities = rows.column(self._spec.entity).to_pylist()
        ids = rows.column(self._spec.event_id)
        return [(entity or ids[row].as_py()).encode() for row, entity in enumerate(entities)]

    def _headers(self, count: int) -> list[Headers]:
        return [[(TRACEPARENT, new_traceparent(self._trace_ratio))] for _ in range(count)]
