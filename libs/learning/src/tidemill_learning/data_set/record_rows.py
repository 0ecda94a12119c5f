"""Records of a model's topics, as they stand there, as rows of its training table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from tidemill_learning.data_set.table_rows import REST as REST_ROWS
from tidemill_learning.data_set.table_rows import event_rows, label_rows, rest_positions

if TYPE_CHECKING:
    from tidemill.codec import Codec
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.kafka.batch import Batch

ROLES = ("clean", "labels", "predictions")
"""Of the topics that rows come from."""


@dataclass(frozen=True, slots=True)
class RecordRows:
    """Decodes and shapes. `schema`: of the table, as `table_schema` gives it. For one thread, as its codec is."""

    spec: ModelSpec
    codec: Codec
    schemas: SchemaCatalog
    schema: pa.Schema

    def of(self, role: str, batch: Batch) -> tuple[pa.Table, dict[str, int]]:
        """The rows of a batch of one of ROLES, and how many records cannot be decoded: of the topic by its role, and
        under `rest` inputs of predictions. Of predictions those that were made over REST bring the event that they were
        made for; those of the stream are on the clean topic.

        Raises RetryLater while a schema registry is away.
        """
        if role == "predictions":
            return self._rest(batch)
        record = self.schemas.record(self.spec.name) if role == "clean" else self.schemas.label(self.spec.name)
        decoded = self.codec.decode(batch.values, record)
        partitions = [batch.partitions[k] for k in decoded.index]
        offsets = [batch.offsets[k] for k in decoded.index]
        if role == "clean":
            rows = event_rows(self.schema, self.spec, decoded.rows, batch.topic, partitions, offsets)
        else:
            rows = label_rows(self.schema, decoded.rows, batch.topic, partitions, offsets)
        return rows, {role: len(decoded.bad)}

    def _rest(self, batch: Batch) -> tuple[pa.Table, dict[str, int]]:
        decoded = self.codec.decode(batch.values, self.schemas.prediction(self.spec.name))
        wanted = rest_positions(decoded.rows)
        if not len(wanted):
            return self.schema.empty_table(), {"predictions": len(decoded.bad)}
        chosen = decoded.rows.take(pa.array(wanted))
        inputs = self.codec.decode(chosen.column("input").to_pylist(), self.schemas.record(self.spec.name))
        at = decoded.index[wanted[inputs.index]]
        rows = event_rows(
            self.schema, self.spec, inputs.rows, batch.topic,
            [batch.partitions[k] for k in at], [batch.offsets[k] for k in at],
            kind=REST_ROWS, event_ids=chosen.column("event_id").take(pa.array(inputs.index)),
        )  # fmt: skip
        return rows, {"predictions": len(decoded.bad), "rest": len(inputs.bad)}
