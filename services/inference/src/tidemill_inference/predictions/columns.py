"""Scores as columns of the prediction record."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.artifact.outputs import output_columns
from tidemill_inference.serving.serving import Predictions

STREAM = "stream"
REST = "rest"
CHAMPION = "champion"
CHALLENGER = "challenger"


def prediction_rows(
    predictions: Predictions,
    *,
    prediction_ids: Sequence[str] | pa.StringArray,
    event_ids: pa.Array,
    event_times: pa.Array,
    source: str,
    predicted_at_ms: int | Sequence[int],
    **inputs: pa.Array,
) -> pa.RecordBatch:
    """Rows of the prediction record of the model's task, one per score. A trial must be complete (`BothArms`).

    `predicted_at_ms`: one time for all, or one a row. `inputs`: `input_partition` and `input_offset` (stream) or
    `input` and `caller` (rest); what is left out is null.
    """
    serving = predictions.serving
    n = len(prediction_ids)
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(prediction_ids, pa.string()),
        "event_id": event_ids,
        "model": pa.repeat(serving.event.model, n),
        "source": pa.repeat(source, n),
        "event_time": event_times,
        "predicted_at": _times(predicted_at_ms, n),
        "epoch": pa.repeat(pa.scalar(serving.epoch, pa.int64()), n),
        **output_columns(
            serving.model.manifest.task, predictions.scores, serving.classes, threshold=predictions.threshold
        ),
        **_arm_columns(predictions, n),
        **inputs,
    }
    return pa.record_batch(columns)


def _times(ms: int | Sequence[int], n: int) -> pa.Array:
    kind = pa.timestamp("ms", tz="UTC")
    return pa.repeat(pa.scalar(ms, kind), n) if isinstance(ms, int) else pa.array(ms, kind)


def _arm_columns(predictions: Predictions, n: int) -> dict[str, pa.Array]:
    """Which version answered in which role; during a trial, what the other arm said, null where it said nothing."""
    serving, both = predictions.serving, predictions.both
    if both is None:
        return {"version": pa.repeat(pa.scalar(serving.version, pa.int32()), n), "arm": pa.repeat(CHAMPION, n)}
    challenged = pa.array(both.challenged)
    scores, said = both.others
    champion, challenger = (pa.scalar(arm.version, pa.int32()) for arm in (both.champion, both.challenger))
    others = output_columns(
        serving.model.manifest.task, scores, serving.classes, missing=~said, threshold=predictions.other_threshold
    )
    return {
        "version": pc.if_else(challenged, challenger, champion),
        "arm": pc.if_else(challenged, CHALLENGER, CHAMPION),
        "other_version": pc.if_else(challenged, champion, challenger),
        **{f"other_{name}": column for name, column in others.items()},
    }
