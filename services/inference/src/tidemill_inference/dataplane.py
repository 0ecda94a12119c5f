"""The seam under every protocol: JSON instances in, answers and log entries out, over one predictor per
model.

A protocol (REST here) converts its own envelope to instances and back and knows nothing of models.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.codec.json_rows import FieldError, from_json
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas import Schema
from tidemill.fields import HiddenRecords, normalised_record
from tidemill.ids import uuid7_batch
from tidemill_inference import metrics
from tidemill_inference.outputs import REST, answer
from tidemill_inference.serving import Predictions, Predictor, Serving

Datum = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InstanceError:
    """One wrong field of one instance."""

    index: int
    field: str
    reason: str


class InvalidInstances(ValueError):
    """Instances that are not records of the model; every wrong field of each is named."""

    def __init__(self, errors: Sequence[InstanceError]) -> None:
        super().__init__(f"{errors[0].field}: {errors[0].reason}")
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Answered:
    """Predictions for instances: `answers` and `data` (the full records) are aligned with the scores."""

    predictions: Predictions
    prediction_ids: list[str]
    data: list[Datum]
    answers: list[dict[str, Any]]
    predicted_at_ms: int


class ModelEndpoint:
    """One model's predictions for JSON instances."""

    def __init__(
        self,
        spec: ModelSpec,
        record: Schema,
        columns: pa.Schema,
        predictor: Predictor,
        now_ms: Callable[[], int],
        privacy: HiddenRecords | None = None,
    ) -> None:
        """`columns`: the record's fields in Arrow, as the codec decodes them. `privacy`: what the log must not hold."""
        self.spec = spec
        self.record = record
        self.predictor = predictor
        self._columns = columns
        self._now_ms = now_ms
        self._privacy = privacy or HiddenRecords({}, {}, None)

    def predict(self, instances: Sequence[Any]) -> Answered:
        """Predict for one instance or more, all by the same version.

        An instance without an event id gets its prediction id, one without an event time gets now. Raises
        NoVersion, InvalidInstances, ArtifactError.
        """
        serving = self.predictor.current()
        now_ms = self._now_ms()
        ids = uuid7_batch(len(instances), now_ms)
        data = self._data(instances, ids, now_ms)
        started = time.perf_counter()
        predictions = serving.predict(self._rows(data, serving))
        metrics.predicted(predictions, REST, time.perf_counter() - started)
        self._refuse_unanswerable(predictions)
        answers = [self._answer(predictions, i, ids[i], datum) for i, datum in enumerate(data)]
        return Answered(predictions, ids, data, answers, now_ms)

    def _data(self, instances: Sequence[Any], ids: list[str], now_ms: int) -> list[Datum]:
        data: list[Datum] = []
        errors: list[InstanceError] = []
        for index, instance in enumerate(instances):
            if not isinstance(instance, Mapping):
                errors.append(InstanceError(index, "", "must be an object with the model's fields"))
                continue
            filled = {self.spec.event_id: ids[index], self.spec.event_time: now_ms, **instance}
            try:
                data.append(normalised_record(from_json(filled, self.record), self.spec.normalise))
            except FieldError as error:
                errors.extend(InstanceError(index, field, reason) for field, reason in error.errors)
        if errors:
            raise InvalidInstances(errors)
        return data

    def _rows(self, data: list[Datum], serving: Serving) -> pa.RecordBatch:
        """Only the columns that this version needs: building a column costs more than scoring a row."""
        names = [feature.name for feature in serving.model.manifest.features]
        return pa.RecordBatch.from_pylist(data, schema=pa.schema([self._columns.field(name) for name in names]))

    def _refuse_unanswerable(self, predictions: Predictions) -> None:
        finite = np.isfinite(predictions.scores).reshape(len(predictions.scores), -1).all(axis=1)
        if not finite.all():
            reason = "the model gives no number for these values"
            raise InvalidInstances([InstanceError(int(i), "", reason) for i in np.flatnonzero(~finite)])

    def _answer(self, predictions: Predictions, row: int, prediction_id: str, datum: Datum) -> dict[str, Any]:
        serving = predictions.serving
        return {
            "prediction_id": prediction_id,
            "event_id": str(datum[self.spec.event_id]),
            "model": self.spec.name,
            "version": serving.version,
            "epoch": serving.epoch,
            **answer(serving.model.manifest, predictions.scores[row]),
        }

    def logged(self, datum: Datum) -> Datum:
        """The record as clean would hold it: normalised, with the privacy rules of the model file."""
        return self._privacy.apply(datum)

    @property
    def hides_key(self) -> bool:
        """Whether the key of a logged record says nothing any more of the partition that its label goes to."""
        return self.spec.entity in self._privacy.fields

    def key(self, datum: Datum) -> bytes:
        """The record key: the entity as UTF-8, or the event id where the entity is null or nothing is left of it."""
        entity = datum.get(self.spec.entity)
        nothing = entity is None or (self.hides_key and entity == "")
        return str(datum[self.spec.event_id] if nothing else entity).encode()
