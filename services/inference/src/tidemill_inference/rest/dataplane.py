"""The seam under every protocol: instances in, answers and log entries out, over one predictor per model.

A protocol converts its own envelope to instances (rows or columns) and back and knows nothing of models. A request
goes through three steps: `prepare` (convert and check), `score`, `finish`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.artifact.outputs import output_row
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.ids import uuid7_batch
from tidemill.rows.features import feature_inputs
from tidemill.rows.row_features import RowInputs, fits
from tidemill_inference import metrics
from tidemill_inference.predictions.columns import REST
from tidemill_inference.predictions.records import ColumnRecords, Records, RowRecords, record_keys
from tidemill_inference.rest.arrow_cast import as_record
from tidemill_inference.rest.request_checks import MODEL_RULE, Datum, InstanceError, InvalidInstances, RecordRules
from tidemill_inference.serving.serving import Predictions, Predictor, Serving

MOST_BY_ROW = 32
"""Rows of a request for which columns are not worth their making."""

__all__ = ["Answered", "Datum", "InstanceError", "InvalidInstances", "ModelEndpoint", "Prepared"]


@dataclass(frozen=True, slots=True)
class Checked:
    """JSON instances of one request, converted and checked; nothing is hidden yet. `ids`: their prediction ids."""

    ids: list[str]
    data: list[Datum]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Instances that were converted and checked, with what will answer all of them. `needed`: the columns of the record
    that it needs; `inputs`: those of the champion's graph, where they could be made without columns. `places`: see
    Answered.
    """

    serving: Serving
    prediction_ids: list[str]
    records: Records
    places: list[bytes] | None
    needed: pa.Schema
    now_ms: int
    inputs: Mapping[str, np.ndarray[Any, Any]] | None = None

    @property
    def rows(self) -> pa.RecordBatch:
        """The needed columns."""
        return self.records.take(self.needed)

    @property
    def champion_inputs(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """The inputs of the champion's graph."""
        if self.inputs is not None:
            return self.inputs
        return feature_inputs(self.rows, self.serving.model.manifest.features)


@dataclass(frozen=True, slots=True)
class Answered:
    """Predictions for instances: ids and records are aligned with the scores. `places`: where the entity is hidden,
    the keys before that, by which labels find their partition; None where the records' own keys are those.
    """

    predictions: Predictions
    prediction_ids: list[str]
    event_ids: list[str]
    records: Records
    places: list[bytes] | None
    predicted_at_ms: int

    def __len__(self) -> int:
        return len(self.prediction_ids)

    @property
    def answers(self) -> list[dict[str, Any]]:
        """One JSON object for each instance."""
        return self.answers_of(0, len(self))

    def answers_of(self, start: int, stop: int) -> list[dict[str, Any]]:
        """The same for the instances from `start` to `stop` (without it)."""
        serving, task = self.predictions.serving, self.predictions.serving.model.manifest.task
        model, epoch, classes = serving.event.model, serving.epoch, serving.classes
        threshold = self.predictions.threshold
        limits = repeat(threshold, stop - start) if isinstance(threshold, float) else threshold[start:stop].tolist()
        return [
            {
                "prediction_id": prediction_id,
                "event_id": event_id,
                "model": model,
                "version": version,
                "epoch": epoch,
                **output_row(task, score, classes, limit),
            }
            for prediction_id, event_id, version, score, limit in zip(
                self.prediction_ids[start:stop],
                self.event_ids[start:stop],
                self.predictions.versions[start:stop],
                self.predictions.scores[start:stop],
                limits,
                strict=True,
            )
        ]


class ModelEndpoint:
    """One model's predictions."""

    def __init__(
        self,
        spec: ModelSpec,
        record: Schema,
        columns: pa.Schema,
        predictor: Predictor,
        now_ms: Callable[[], int],
        rules: RecordRules | None = None,
    ) -> None:
        """`columns`: the record's fields in Arrow, as the codec decodes them. `rules`: None for those of the model
        file without a privacy key.
        """
        self.spec = spec
        self.record = record
        self.columns = columns
        self.predictor = predictor
        self.rules = rules or RecordRules(spec, record)
        self._now_ms = now_ms
        self._known_needs: tuple[tuple[int, bool], pa.Schema, RowInputs | None] | None = None

    def predict(self, instances: Sequence[Any]) -> Answered:
        """Predict for one JSON instance or more, all by the same version.

        An instance without an event id gets its prediction id, one without an event time gets now. Raises
        NoVersion, InvalidInstances, ArtifactError.
        """
        prepared = self.prepare(instances)
        return self.finish(prepared, self.score(prepared))

    def predict_columns(self, rows: pa.RecordBatch) -> Answered:
        """The same for rows in columns, of any types that hold the record's values."""
        prepared = self.prepare_columns(rows)
        return self.finish(prepared, self.score(prepared))

    def predict_checked(self, requests: Sequence[Checked], serving: Serving | None = None) -> Answered:
        """Predict for the instances of all the requests, in their order, by `serving` (None: what serves now). Raises
        NoVersion, InvalidInstances, ArtifactError.
        """
        prepared = self._of_rows(serving or self.predictor.current(), requests)
        return self.finish(prepared, self.score(prepared))

    def prepare(self, instances: Sequence[Any]) -> Prepared:
        """Convert and check JSON instances. Raises NoVersion, InvalidInstances."""
        return self._of_rows(self.predictor.current(), [self.check(instances)])

    def check(self, instances: Sequence[Any]) -> Checked:
        """Convert and check JSON instances. Raises InvalidInstances."""
        now_ms = self._now_ms()
        ids = uuid7_batch(len(instances), now_ms)
        data: list[Datum] = []
        errors: list[InstanceError] = []
        for index, instance in enumerate(instances):
            datum, wrong = self.rules.datum(instance, index, ids[index], now_ms)
            data.append(datum)
            errors += wrong
        if errors:
            raise InvalidInstances(errors)
        return Checked(ids, data, now_ms)

    def prepare_columns(self, rows: pa.RecordBatch) -> Prepared:
        """Convert and check rows in columns. Raises NoVersion, InvalidInstances."""
        serving = self.predictor.current()
        now_ms = self._now_ms()
        ids = uuid7_batch(rows.num_rows, now_ms)
        filled = {self.spec.event_id: ids, self.spec.event_time: now_ms}
        record = as_record(rows, self.columns, self.record, filled)
        rows = self.rules.columns(record, now_ms)
        hidden = ColumnRecords(self.rules.hide_columns(rows))
        return self._prepared(serving, ids, ColumnRecords(rows), hidden, now_ms)

    def score(self, prepared: Prepared) -> Predictions:
        """Score prepared instances. Raises ArtifactError where the graph fails."""
        serving = prepared.serving
        started = time.perf_counter()
        if serving.challenger is not None:
            predictions = serving.predict(prepared.rows, self.keys(prepared.records))
        else:
            predictions = serving.predict_inputs(prepared.champion_inputs)
        metrics.predicted(predictions, REST, time.perf_counter() - started)
        return predictions

    def finish(self, prepared: Prepared, predictions: Predictions) -> Answered:
        """The answers. Raises InvalidInstances for rows for which the model gives no number."""
        _refuse_unanswerable(predictions)
        event_ids = [str(event_id) for event_id in prepared.records.texts(self.spec.event_id)]
        ids, places = prepared.prediction_ids, prepared.places
        return Answered(predictions, ids, event_ids, prepared.records, places, prepared.now_ms)

    def keys(self, records: Records) -> list[bytes]:
        """The record keys: the entity as UTF-8, or the event id where the entity is null or nothing is left of it."""
        entities, ids = records.texts(self.spec.entity), records.texts(self.spec.event_id)
        return record_keys(entities, ids, hidden=self.rules.hides_entity)

    def _of_rows(self, serving: Serving, requests: Sequence[Checked]) -> Prepared:
        if len(requests) == 1:
            (one,) = requests
            ids, data = one.ids, one.data
        else:
            ids = [prediction_id for request in requests for prediction_id in request.ids]
            data = [datum for request in requests for datum in request.data]
        given = RowRecords(data)
        hidden = RowRecords([self.rules.hide_row(datum) for datum in data]) if self.rules.hides else given
        return self._prepared(serving, ids, given, hidden, requests[-1].now_ms)

    def _prepared(self, serving: Serving, ids: list[str], given: Records, records: Records, now_ms: int) -> Prepared:
        """`given`: the records before anything was hidden."""
        needed, of_rows = self._needs(serving)
        inputs = None
        if of_rows is not None and isinstance(records, RowRecords) and len(records) <= MOST_BY_ROW:
            inputs = of_rows(records.data)
        places = self.keys(given) if self.rules.hides_entity else None
        return Prepared(serving, ids, records, places, needed, now_ms, inputs)

    def _needs(self, serving: Serving) -> tuple[pa.Schema, RowInputs | None]:
        """The columns that what serves needs, and how its inputs are made of rows, if they can be; kept until it
        changes (by its epoch: who kept the object would keep an old model in memory).
        """
        known, this = self._known_needs, (serving.epoch, serving.challenger is None)
        if known is None or known[0] != this:
            needed = pa.schema([self.columns.field(feature.name) for feature in serving.features])
            features = serving.model.manifest.features
            by_row = serving.challenger is None and fits(needed, features)
            self._known_needs = known = (this, needed, RowInputs(features) if by_row else None)
        return known[1], known[2]


def _refuse_unanswerable(predictions: Predictions) -> None:
    finite = np.isfinite(predictions.scores)
    if finite.all():
        return
    rows = finite.reshape(len(predictions.scores), -1).all(axis=1)
    reason = "the model gives no number for these values"
    raise InvalidInstances([InstanceError(int(i), "", reason, MODEL_RULE) for i in np.flatnonzero(~rows)])
