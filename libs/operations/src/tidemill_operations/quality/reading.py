"""What the report needs from Kafka: quality reports, and the records that stand for examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill_operations.quality.collect import Count
from tidemill_operations.raw_records import RawRecords

if TYPE_CHECKING:
    from tidemill.kafka.batch import Batch
    from tidemill_operations.platform import PlatformView

HIDDEN = "•••"
LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Example:
    """One record that did not meet an expectation: where it is, and the fields that matter, as text."""

    place: str
    fields: tuple[tuple[str, str], ...]


def read_reports(platform: PlatformView, model: str, since_ms: int | None) -> Iterator[dict[str, Any]]:
    """The reports of a model, oldest first, as data; what is no report is left out."""
    from tidemill.errors import DeadLetter
    from tidemill.kafka.client.scan import scan

    schema = platform.schemas.platform("quality-report")
    key = model.encode()
    for batch in scan(platform.settings, platform.topics.name("quality_reports"), since_ms=since_ms):
        for found, value in zip(batch.keys, batch.values, strict=True):
            if found == key:
                try:
                    yield platform.codec.decode_one(value, schema)
                except DeadLetter:
                    continue


class Examples:
    """Reads records back by their offsets. Personal fields are never shown: a privacy rule names them, and a
    record that cannot be read is not shown at all.
    """

    def __init__(self, platform: PlatformView, model: str, role: str) -> None:
        self._platform = platform
        self._spec = platform.model(model)
        self._topic = platform.topics.name(role, model)
        self._role = role
        self._records = RawRecords(platform, model)

    def of(self, count: Count) -> list[Example]:
        """The examples of one expectation that are still on the topic."""
        found = (self._one(count, partition, offset) for partition, offset in count.examples)
        return [example for example in found if example is not None]

    def _one(self, count: Count, partition: int, offset: int) -> Example | None:
        from tidemill.kafka.client.scan import scan

        place = f"{self._topic}/{partition}/{offset}"
        start, end = {partition: offset}, {partition: offset + 1}
        for batch in scan(self._platform.settings, self._topic, partitions=[partition], start=start, end=end):
            if batch.offsets[:1] == [offset]:
                record = self._decoded(batch)
                return Example(place, shown_fields(record, self._wanted(count), frozenset(self._spec.privacy)))
        return None

    def _decoded(self, batch: Batch) -> dict[str, Any] | str:
        from tidemill.errors import DeadLetter

        try:
            return self._records.read(self._role, batch, 0)
        except DeadLetter:
            return f"not readable, {len(batch.values[0] or b''):,} bytes"

    def _wanted(self, count: Count) -> list[str]:
        columns = [column for column in count.column.split(", ") if column]
        own_id = self._spec.event_id if self._role == "raw" else "event_id"
        return list(dict.fromkeys([own_id, *columns]))


def shown_fields(
    record: dict[str, Any] | str, wanted: list[str], private: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """The wanted fields of a record as text, personal ones hidden; a record that is text stands for itself."""
    if isinstance(record, str):
        return (("", record),)
    return tuple((name, HIDDEN if name in private else _text(record[name])) for name in wanted if name in record)


def _text(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
