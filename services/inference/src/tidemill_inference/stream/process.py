"""A batch of clean records in, predictions out: what the stream worker does between consume and produce."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidemill.codec import BadRecord, Codec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import FatalError
from tidemill.ids import uuid7_column
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.headers import ORIGIN, TRACEPARENT, Header, Headers
from tidemill.telemetry.logs import model_version
from tidemill_inference import metrics
from tidemill_inference.predictions.columns import STREAM, prediction_rows
from tidemill_inference.predictions.records import record_keys
from tidemill_inference.predictions.trial_reports import ReportWriter
from tidemill_inference.serving.serving import Predictor

UNKNOWN_SCHEMA = "UnknownSchema"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """From a clean topic to a predictions topic, for one model."""

    model: str
    predictions_topic: str
    record: Schema
    prediction: Schema
    event_id: str
    event_time: str
    entity: str = ""
    entity_hidden: bool = False
    p95_s: float = 0.5


class StreamProcess:
    """Scores whole batches. Every record of one topic in one call is scored at the same epoch: by its version, or
    during a trial by both arms.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        predictors: Mapping[str, Predictor],
        codec: Codec,
        now_ms: Callable[[], int],
        reports: ReportWriter | None = None,
    ) -> None:
        """`routes` by clean topic, `predictors` by model. `reports`: None where nobody reads how trials go."""
        self._routes = routes
        self._predictors = predictors
        self._codec = codec
        self._now_ms = now_ms
        self._reports = reports

    def __call__(self, batches: list[Batch]) -> list[Output]:
        """Predictions for every record, in its order: the same partition number and key, with the record's
        trace context and its position on the clean topic as headers.

        A record that is no record of its schema is counted and logged: the validator lets none through.
        Raises FatalError where records were written with a schema that this worker does not know: it must be
        brought up to date.
        """
        if self._reports is not None:
            self._reports.drop()  # of a call that failed: its batch has come again
        outputs = [output for batch in batches if (output := self._predict(batch)) is not None]
        return outputs + (self._reports.outputs(self._now_ms()) if self._reports is not None else [])

    def _predict(self, batch: Batch) -> Output | None:
        route = self._routes[batch.topic]
        decoded = self._codec.decode(batch.values, route.record)
        if decoded.bad:
            _report(batch, decoded.bad, route.model)
        if decoded.rows.num_rows == 0:
            return None
        if decoded.bad:
            batch = batch.at(decoded.index.tolist())
        rows = self._score(batch, decoded.rows, route)
        return Output(
            topic=route.predictions_topic,
            values=self._codec.encode(rows, route.prediction, topic=route.predictions_topic),
            keys=batch.keys,
            partitions=batch.partitions,
            headers=_headers(batch),
        )

    def _score(self, batch: Batch, records: pa.RecordBatch, route: Route) -> pa.RecordBatch:
        started = time.perf_counter()
        serving = self._predictors[route.model].current()
        predictions = serving.predict(records, None if serving.challenger is None else _keys(records, route))
        if predictions.both is not None:
            predictions.both.complete()
            metrics.tried(predictions)
            if self._reports is not None:
                self._reports.tally.add(predictions)
        model_version.set(f"{route.model}:{predictions.serving.version}")
        now_ms = self._now_ms()
        metrics.predicted(predictions, STREAM, time.perf_counter() - started)
        return prediction_rows(
            predictions,
            prediction_ids=uuid7_column(len(batch), now_ms),
            event_ids=records.column(route.event_id),
            event_times=records.column(route.event_time),
            source=STREAM,
            predicted_at_ms=now_ms,
            input_partition=pa.array(np.asarray(batch.partitions, dtype=np.int32)),
            input_offset=pa.array(np.asarray(batch.offsets, dtype=np.int64)),
        )


def _keys(records: pa.RecordBatch, route: Route) -> list[bytes]:
    """The record keys: the entity as UTF-8, or the event id where the entity is null or nothing is left of it."""
    ids = records.column(route.event_id).to_pylist()
    entities = records.column(route.entity).to_pylist() if route.entity else [None] * len(ids)
    return record_keys(entities, ids, hidden=route.entity_hidden)


def _headers(batch: Batch) -> list[Headers | None]:
    """The trace context and the position on clean; other headers stay behind."""
    prefix = {number: f"{batch.source(number)}/{number}/".encode() for number in set(batch.partitions)}
    return [
        [given[0], (ORIGIN, prefix[number] + b"%d" % offset)]
        if given and len(given) == 2 and given[0][0] == TRACEPARENT and given[1][0] == ORIGIN  # as the validator writes
        else _marked(given, (ORIGIN, prefix[number] + b"%d" % offset))
        for given, number, offset in zip(batch.headers, batch.partitions, batch.offsets, strict=True)
    ]


def _marked(given: Headers | None, origin: Header) -> Headers:
    if not given:
        return [origin]
    parents = [header for header in given if header[0] == TRACEPARENT]
    return [*parents[-1:], origin]


def _report(batch: Batch, bad: list[BadRecord], model: str) -> None:
    first = bad[0]
    where = f"{batch.topic}/{batch.partitions[first.position]}/{batch.offsets[first.position]}"
    if any(record.error_class == UNKNOWN_SCHEMA for record in bad):
        raise FatalError(f"{where}: {first.message}: give this worker the schemas that the validator has")
    metrics.UNDECODABLE.labels(model).inc(len(bad))
    _log.error("%d clean records are not records; the first, %s: %s", len(bad), where, first.message)
