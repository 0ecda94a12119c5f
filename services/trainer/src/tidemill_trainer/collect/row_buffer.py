"""What one model's records wait in between Kafka and the table: decoded, trimmed, committed together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Batch
from tidemill.service.footprint import give_back
from tidemill.telemetry.traceparent import sampled_contexts
from tidemill_learning.data_set.record_rows import RecordRows
from tidemill_learning.data_set.table_rows import EVENT, KIND, LABELLED, REST, with_topic_id, with_traces
from tidemill_learning.training.labelled import EVENT_TIME, LABEL
from tidemill_trainer import metrics
from tidemill_trainer.collect.table_ends import Ends
from tidemill_trainer.collect.training_table import TrainingTable

_log = logging.getLogger(__name__)

LOOK_AT_FILES_EVERY = 50
"""Commits; a look reads the table's log."""

Role = str
"""`clean`, `labels` or `predictions`."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the table holds of a model, as far as this process knows: `newest_ms` is the stream's time."""

    events: int
    labels: int
    newest_ms: int | None


@dataclass(slots=True)
class ModelRows:
    """Rows of one model that wait for their commit. One thread uses it."""

    spec: ModelSpec
    codec: Codec
    schemas: SchemaCatalog
    topics: dict[str, Role]
    table: TrainingTable
    schema: pa.Schema
    monotonic: Callable[[], float]
    compact_files: int = 200
    committed: Committed = Committed(0, 0, None)
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of the topics that are read; to be changed only when nothing waits."""
    waiting: int = 0
    _parts: list[pa.Table] = field(default_factory=list)
    _ends: Ends = field(default_factory=dict)
    _since: float | None = None
    _commits: int = 0

    def load_counts(self) -> None:
        """Take the counts from the table's log, once at the start."""
        found = self.table.counts()
        label, event, rest = found.get(LABELLED), found.get(EVENT), found.get(REST)
        events = [kind for kind in (event, rest) if kind is not None]
        newest = max((kind.newest_ms for kind in events if kind.newest_ms is not None), default=None)
        own = sum(kind.labelled for kind in events)
        self.committed = Committed(sum(kind.rows for kind in events), own + (label.rows if label else 0), newest)

    def follow(self, before: ModelRows) -> None:
        """Take the place of one of the same topics: what waits there is committed first. Raises RetryLater."""
        before.commit()
        self.ids.update(before.ids)
        self.table.follow(before.table)

    def add(self, batch: Batch) -> None:
        """Take over a batch of one topic. Raises `RetryLater` when a schema registry is away (take it again
        then).
        """
        role = self.topics[batch.topic]
        rows = with_topic_id(self._rows(role, batch), self.ids.get(batch.topic, ""))
        sampled = sampled_contexts(batch.headers)
        rows = with_traces(rows, {(batch.partitions[k], batch.offsets[k]): sampled[k] for k in sampled})
        read = zip(batch.partitions, batch.offsets, strict=True)
        self.take(rows, {(batch.topic, number): offset + 1 for number, offset in read})

    def take(self, rows: pa.Table, ends: Ends) -> None:
        """Take over rows in the table's form, with which these partitions have been read up to `ends`."""
        if rows.num_rows:
            self._parts.append(rows)
            self.waiting += rows.num_rows
        self._ends |= ends
        if self._since is None:
            self._since = self.monotonic()
        metrics.COLLECT_LAG.labels(self.spec.name).set(self.waiting)

    def reach(self, positions: Mapping[tuple[str, int], int]) -> None:
        """These partitions have been read so far: markers of transactions, which are no records, count."""
        for partition, at in positions.items():
            self._ends[partition] = max(at, self._ends.get(partition, 0))

    def forget(self, partition: tuple[str, int]) -> None:
        """Nothing waits of this partition, and it is read from elsewhere."""
        self._ends.pop(partition, None)

    def due(self, every_s: float, most: int) -> bool:
        """Whether it is time to commit."""
        waited = self.monotonic() - self._since if self._since is not None else 0.0
        return self.waiting > 0 and (self.waiting >= most or waited >= every_s)

    def commit(self) -> int:
        """Commit all that waits; gives the rows that went in (a row that is in already does not go
        in again)."""
        if not self._parts:
            return 0
        with metrics.COMMIT_SECONDS.labels(self.spec.name).time():
            fresh = self.table.append(pa.concat_tables(self._parts), self._ends, self.ids)
        self._parts.clear()
        self._ends = {}
        self.waiting, self._since = 0, None
        metrics.COLLECT_LAG.labels(self.spec.name).set(0)
        self._count(fresh)
        self._tidy()
        give_back()
        return int(fresh.num_rows)

    def _tidy(self) -> None:
        """Put small files together once there are many of one kind; looks at every fiftieth commit."""
        self._commits += 1
        if self._commits % LOOK_AT_FILES_EVERY:
            return
        most = max((kind.files for kind in self.table.counts().values()), default=0)
        if most >= self.compact_files:
            _log.info("the table of %s has %d files of one kind: it is compacted", self.spec.name, most)
            self.table.compact()

    def _rows(self, role: Role, batch: Batch) -> pa.Table:
        rows, bad = RecordRows(self.spec, self.codec, self.schemas, self.schema).of(role, batch)
        for of, count in bad.items():
            self._note_bad(of, count)
        return rows

    def _note_bad(self, role: str, count: int) -> None:
        if count:
            metrics.ROWS_REFUSED.labels(self.spec.name, role).inc(count)
            _log.warning("%d records of %s on %s cannot be decoded and are left out", count, self.spec.name, role)

    def _count(self, fresh: pa.Table) -> None:
        import pyarrow.compute as pc

        kinds = {row["values"]: row["counts"] for row in fresh.column(KIND).value_counts().to_pylist()}
        for kind, count in kinds.items():
            metrics.ROWS_COLLECTED.labels(self.spec.name, kind).inc(count)
        labels = kinds.get(LABELLED, 0)
        events = fresh.num_rows - labels
        newest = None
        if events:
            own = fresh.filter(pc.not_equal(fresh.column(KIND), LABELLED))
            labels += own.num_rows - own.column(LABEL).null_count
            newest = int(pc.max(own.column(EVENT_TIME)).as_py().timestamp() * 1000)
        old = self.committed
        stream_time = max((t for t in (old.newest_ms, newest) if t is not None), default=None)
        self.committed = Committed(old.events + events, old.labels + labels, stream_time)
