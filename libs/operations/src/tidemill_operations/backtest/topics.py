"""Reads a model's events and labels off its topics, as far as they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
import pyarrow as pa

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.avro_types import is_nullable
from tidemill.contracts.schemas.catalog import Schema
from tidemill.kafka.client.scan import bounds, scan
from tidemill_operations.backtest.material import Gathering, Material
from tidemill_operations.errors import WrongUse
from tidemill_operations.platform import PlatformView
from tidemill_operations.push.files.reading import RowError
from tidemill_operations.reach import ensure_reachable
from tidemill_operations.since import read_since

BATCH_ROWS = 20_000


def read_topic(
    platform: PlatformView, spec: ModelSpec, topic: str, since: str | None, advance: Callable[[int, int], None]
) -> Material:
    """Events of the model's clean topic and labels of its labels topic that were appended since then (all that is kept,
    where None); of the raw topic, with the labels as they were pushed. Raises WrongUse for another topic, ValueError
    where nothing is there.
    """
    clean, raw = (platform.topics.name(role, spec.name) for role in ("clean", "raw"))
    own = {clean} if platform.topics.is_external("raw", spec.name) else {clean, raw}
    if topic not in own:
        raise WrongUse(f"{topic!r} is not a topic of {spec.name}'s own events: say {clean}", "--topic")
    pushed = topic == raw and not platform.topics.is_external("labels_raw", spec.name)
    labels = platform.topics.name("labels_raw" if pushed else "labels", spec.name)
    ensure_reachable(platform.settings)
    begin_ms = read_since(since)
    record, label = platform.schemas.record(spec.name), platform.schemas.label(spec.name)
    required = frozenset(f["name"] for f in record.json["fields"] if not is_nullable(f["type"]))
    found = Gathering(spec, required, checked=topic == clean)
    reader = _Reader(platform, begin_ms, advance, [topic, labels])
    for rows, places in reader.batches(topic, record, found):
        found.events(rows, places)
    for rows, _ in reader.batches(labels, label, found):
        frame = pl.DataFrame(pl.from_arrow(rows.select(["event_id", "label", "observed_at"])))
        found.labels(frame)
    return found.done()


class _Reader:
    """Reads topics one after the other, and tells how far it is with all of them."""

    def __init__(
        self, platform: PlatformView, since_ms: int | None, advance: Callable[[int, int], None], topics: list[str]
    ) -> None:
        self._platform, self._since, self._advance = platform, since_ms, advance
        found = {topic: bounds(platform.settings, topic, since_ms=since_ms) for topic in topics}
        self._total = sum(end - start for one in found.values() for start, end in one.values())
        self._done = 0

    def batches(self, topic: str, schema: Schema, found: Gathering) -> Iterator[tuple[pa.RecordBatch, list[int]]]:
        """Rows and the offset of each."""
        for batch in scan(self._platform.settings, topic, since_ms=self._since, batch_size=BATCH_ROWS):
            decoded = self._platform.codec.decode(batch.values, schema)
            taken = decoded.index.tolist()
            good = set(taken)
            unread = [n for n in range(len(batch)) if n not in good]
            found.wrong(RowError(batch.offsets[n], None, f"of {topic} cannot be read") for n in unread)
            if decoded.rows.num_rows:
                yield decoded.rows, [batch.offsets[n] for n in taken]
            self._done += len(batch)
            self._advance(self._done, max(self._done, self._total))
