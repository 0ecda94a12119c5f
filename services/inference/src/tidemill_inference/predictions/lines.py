"""REST predictions as lines of the log: which they are, who asked, what was answered; of the input only what is asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from tidemill.telemetry.line_writer import LineWriter
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_inference.predictions.columns import REST
from tidemill_inference.predictions.entry import Entry

__all__ = ["LOGGER", "PredictionLines"]

LOGGER: Final = "tidemill.predictions"


class PredictionLines(LineWriter[Entry]):
    """A line for each prediction."""

    def __init__(self, *, features: bool = False) -> None:
        """`features`: the values of the model's features too, as the `privacy` rules of the model file leave them."""
        super().__init__(LOGGER, "prediction", self._of_entry)
        self._features = features

    def _of_entry(self, entry: Entry) -> Iterator[Mapping[str, object]]:
        answered = entry.answered
        at = datetime.fromtimestamp(answered.predicted_at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
        inputs = features_of(entry) if self._features else [None] * len(answered)
        for answer, context, values in zip(answered.answers, entry.contexts, inputs, strict=True):
            parent = parse_traceparent(context.traceparent)
            yield {
                "ts": at,
                "trace_id": f"{parent[0]:032x}" if parent is not None else None,
                "model_version": f"{answer['model']}:{answer['version']}",
                "source": REST,
                "caller": context.caller,
                **answer,
                **({"features": values} if values is not None else {}),
            }


def features_of(entry: Entry) -> list[dict[str, object]]:
    """The values of the model's features, a dict a row: of the records as they are logged, so what is hidden there is
    hidden here.
    """
    names = [feature.name for feature in entry.answered.predictions.serving.features]
    columns = pa.schema([entry.endpoint.columns.field(name) for name in names])
    rows = entry.answered.records.take(columns).to_pylist()
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]  # NaN: no JSON
