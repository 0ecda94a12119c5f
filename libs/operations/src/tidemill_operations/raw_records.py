"""Records as producers wrote them, as data of the model: on the platform's own topics and on someone else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill.kafka.batch import Batch
    from tidemill.sources import SourceReader
    from tidemill_operations.platform import PlatformView


class RawRecords:
    """Reads raw records and dead letters of one model. For one thread."""

    def __init__(self, platform: PlatformView, model: str) -> None:
        self._platform = platform
        self._model = model
        self._readers: dict[str, SourceReader] = {}

    def read(self, role: str, batch: Batch, row: int) -> dict[str, Any]:
        """The record at `row` of a batch of role raw, labels_raw or their dead letters; times are ms since the epoch.

        Raises DeadLetter with the reason where it is none.
        """
        raw = role.removesuffix("_dlq")
        if not self._platform.topics.is_external(raw, self._model):
            schema = self._platform.schemas.for_topic(raw, self._model)
            return self._platform.codec.decode_one(batch.values[row], schema)
        return self._foreign(raw, _where_it_came_from(batch.part(row, row + 1)))

    def _foreign(self, raw: str, one: Batch) -> dict[str, Any]:
        import pyarrow as pa

        from tidemill.errors import DeadLetter

        if raw not in self._readers:
            self._readers[raw] = self._platform.source_reader(raw, self._model)
        decoded = self._readers[raw].decode(one)
        if decoded.bad:
            raise DeadLetter(decoded.bad[0].message)
        rows = decoded.rows
        for at, field in enumerate(rows.schema):
            if pa.types.is_timestamp(field.type):
                rows = rows.set_column(at, field.name, rows.column(at).cast(pa.timestamp("ms", "UTC")).cast(pa.int64()))
        return dict(rows.to_pylist()[0])


def _where_it_came_from(one: Batch) -> Batch:
    """A dead letter as it stood on its raw topic: an event id may be made of the position there."""
    from tidemill.kafka.batch import Batch
    from tidemill.kafka.dead_letters import ERROR_TOPIC_ID, parse_dead_letter
    from tidemill.kafka.headers import find

    found = parse_dead_letter(one.headers[0])
    if found is None:
        return one
    topic, partition, offset, *_ = found
    topic_id = find(one.headers[0], ERROR_TOPIC_ID)
    anew = {partition: topic_id.decode()} if topic_id else {}
    return Batch(topic, [partition], [offset], one.timestamps_ms, one.keys, one.values, one.headers, anew)
