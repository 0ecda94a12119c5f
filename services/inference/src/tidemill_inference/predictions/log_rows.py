"""REST predictions as values of the predictions topic: many calls in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill_inference.predictions.columns import REST, prediction_rows
from tidemill_inference.predictions.records import RowRecords
from tidemill_inference.rest.dataplane import Answered
from tidemill_inference.serving.serving import Predictions
from tidemill_inference.stream.process import Route


def batches(answered: Sequence[Answered]) -> list[list[int]]:
    """Positions of what can be one batch, in their order: neighbours in rows that one epoch made, without a trial."""
    groups: list[list[int]] = []
    for position, one in enumerate(answered):
        if groups and _alike(answered[groups[-1][-1]], one):
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def joined(answered: Sequence[Answered]) -> Answered:
    """Several as one, which could be one batch (`batches`); `predicted_at_ms` is the first's."""
    if len(answered) == 1:
        return answered[0]
    serving = answered[0].predictions.serving
    scores = np.concatenate([one.predictions.scores for one in answered])
    places = [place for one in answered for place in one.places or ()]
    return Answered(
        Predictions(serving, scores),
        [prediction_id for one in answered for prediction_id in one.prediction_ids],
        [event_id for one in answered for event_id in one.event_ids],
        RowRecords([datum for one in answered if isinstance(one.records, RowRecords) for datum in one.records.data]),
        places or None,
        answered[0].predicted_at_ms,
    )


def encoded(
    answered: Answered, times_ms: Sequence[int], callers: Sequence[str | None], route: Route, codec: Codec
) -> list[bytes]:
    """The values, one a row, each predicted at its time for its caller. A trial is complete. Raises ValueError,
    RetryLater.
    """
    inputs = answered.records.encode(codec, route.record)
    rows = prediction_rows(
        answered.predictions,
        prediction_ids=answered.prediction_ids,
        event_ids=pa.array(answered.event_ids, pa.string()),
        event_times=answered.records.times(route.event_time),
        source=REST,
        predicted_at_ms=times_ms,
        input=pa.array(inputs, pa.binary()),
        caller=pa.array(callers, pa.string()),
    )
    return codec.encode(rows, route.prediction, topic=route.predictions_topic)


def _alike(one: Answered, other: Answered) -> bool:
    return (
        one.predictions.both is None
        and other.predictions.both is None
        and one.predictions.serving is other.predictions.serving
        and isinstance(one.records, RowRecords)
        and isinstance(other.records, RowRecords)
    )
