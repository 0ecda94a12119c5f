"""The newest records of a topic as a file of lines, so that a model is told from them as from any file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill.codec.registry.client import Registry
    from tidemill.settings import CommonSettings

MOST_RECORDS: Final = 50_000
MOST_BYTES: Final = 256 << 20
"""Of one sample; what comes first ends it."""
FRAMED: Final = (b"\x00", b"\xc3\x01")
"""How Confluent's format and Avro's single-object encoding begin; plain JSON cannot."""
ENVELOPE: Final = {"before", "after", "op"}


@dataclass(frozen=True, slots=True)
class TopicSample:
    """`file`: a JSON object a line, for each record that can be read; `format`: `json` or `avro`; `unreadable`: how
    many cannot, and why the first one.
    """

    topic: str
    file: Path
    format: str
    records: int
    unreadable: int
    problem: str


def sample_topic(
    settings: CommonSettings, topic: str, folder: Path, most: int = MOST_RECORDS
) -> TopicSample:  # fmt: skip
    """Reads up to `most` of the newest records, of each partition as many, into a file in `folder`. Joins no group,
    commits and writes nothing.

    Raises ConfigError where there is no such topic, RetryLater without brokers, NotPossible where nothing can be read.
    """
    from tidemill.codec import open_registry

    return written(topic, _values(settings, topic, most), open_registry(settings), folder)


def _values(settings: CommonSettings, topic: str, most: int) -> Iterator[bytes | None]:
    from tidemill.kafka.client.scan import bounds, scan

    held = bounds(settings, topic)
    each = max(1, most // max(1, len(held)))
    start = {number: max(low, high - each) for number, (low, high) in held.items()}
    size = 0
    for batch in scan(settings, topic, start=start, end={number: high for number, (_, high) in held.items()}):
        for value in batch.values:
            size += len(value or b"")
            if size > MOST_BYTES:
                return
            yield value


def written(topic: str, values: Iterator[bytes | None], registry: Registry | None, folder: Path) -> TopicSample:
    """The values of a topic's records as lines of JSON. Raises NotPossible where none can be read."""
    from tidemill.sources.formats.avro import ForeignAvro
    from tidemill.sources.formats.json_text import JsonText
    from tidemill.sources.part import Unreadable

    reader: ForeignAvro | JsonText | None = None
    file, records, unreadable, problem = folder / f"{topic}.jsonl", 0, 0, ""
    with file.open("w", encoding="utf-8") as lines:
        for value in values:
            if not value:
                continue  # a tombstone is no event
            if reader is None:
                reader = _reader(topic, value, registry)
            try:
                row = reader.row(value)
            except Unreadable as error:
                unreadable, problem = unreadable + 1, problem or str(error)
                continue
            _must_be_plain(topic, row)
            lines.write(json.dumps({name: plain(one) for name, one in row.items()}, ensure_ascii=False) + "\n")
            records += 1
    if not records:
        why = f"none of its {unreadable:,} newest can be read: {problem}" if unreadable else "it has none"
        raise NotPossible(f"no records of {topic} to learn from: {why}")
    return TopicSample(topic, file, "json" if isinstance(reader, JsonText) else "avro", records, unreadable, problem)


def _reader(topic: str, value: bytes, registry: Registry | None) -> Any:
    """The reader for the format of the first record that has a value."""
    from tidemill.sources.formats.avro import ForeignAvro
    from tidemill.sources.formats.json_text import JsonText

    if not value.startswith(FRAMED):
        return JsonText()
    if registry is None:
        raise NotPossible(
            f"records of {topic} are framed, as a schema registry's serializers do it: say where the registry is, "
            "with TIDEMILL_SCHEMA_REGISTRY_URL or schema_registry_url in tidemill.yaml"
        )
    return ForeignAvro(registry)


def _must_be_plain(topic: str, row: Mapping[str, Any]) -> None:
    inner = row.get("payload") if row.keys() == {"schema", "payload"} else row
    if isinstance(inner, Mapping) and inner.keys() >= ENVELOPE:
        raise NotPossible(
            f"records of {topic} are Debezium's change events: make the model of a file of its rows (--from), and let "
            f"it read the topic by `source: {{topic: {topic}, format: debezium}}` (docs/sources.md)"
        )


def plain(value: Any) -> Any:
    """A value as JSON can hold it: times as ISO-8601 text, decimals as numbers, as a source takes them; what is no
    number, and bytes, as missing.
    """
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else plain(float(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
