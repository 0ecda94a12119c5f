"""One raw topic of one model, from batches to outputs: judged in columns, then held against what came
before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill.codec import Codec
from tidemill.codec.codec import Decoded
from tidemill.contracts.schemas import Schema
from tidemill.kafka.batch import Batch, Output
from tidemill.sources import SourceReader
from tidemill_expectations import Unique
from tidemill_validator import metrics
from tidemill_validator.judge import Failed, Judge, Judgement, Positions, Reason
from tidemill_validator.outputs import clean_output, dead_output
from tidemill_validator.reports import quality_reports
from tidemill_validator.seen import SeenIds


@dataclass(frozen=True, slots=True)
class Stream:
    """One raw topic and what belongs to it: full topic names, the fields that identify a record.

    `role`: the topic's role (raw, labels_raw). `key`: the field whose value is the record key, None where
    that is the event id. `unique`: the rule against duplicates, None where the model file has none.
    """

    model: str
    role: str
    topic: str
    clean: str
    dead: str
    schema: Schema
    event_id: str
    event_time: str
    key: str | None
    unique: Unique | None


class StreamValidator:
    """Turns batches of one raw topic into records for clean, for dead letters and for quality reports.

    Keeps the event ids of the partitions that it has been given; nothing else. May be asked again for records
    that it has judged before (an aborted transaction): the answer is the same. For one thread.
    """

    def __init__(
        self,
        stream: Stream,
        judge: Judge,
        codec: Codec,
        report_topic: str,
        report_schema: Schema,
        max_seen_ids: int,
        source: SourceReader | None = None,
    ) -> None:
        """`source`: reads the records where they are someone else's, in another format than the platform's."""
        self.stream = stream
        self._source = source
        self._judge = judge
        self._codec = codec
        self._report_topic = report_topic
        self._report_schema = report_schema
        self._max_seen_ids = max_seen_ids
        self._seen: dict[int, SeenIds] = {}

    def validate(self, batch: Batch) -> list[Output]:
        """What to write for a batch: at most one output for each of clean, dead letters and reports."""
        started = time.perf_counter()
        decoded = self._source.decode(batch) if self._source else None
        judgement = self._judge.judge(batch.values, batch.timestamps_ms, decoded)
        accepted = self._without_duplicates(batch, judgement)
        outputs = self._outputs(batch, judgement, accepted, self._in_own_encoding(decoded, accepted))
        self._measure(judgement, len(accepted), time.perf_counter() - started)
        return outputs

    def take(self, partition: int, restored: Iterable[tuple[Sequence[str], Sequence[int]]] = ()) -> None:
        """Begin with a partition. `restored`: (event ids, event times in ms) that went to clean, oldest
        first.
        """
        if self.stream.unique is None:
            return
        self._seen[partition] = seen = self._empty(self.stream.unique)
        for ids, times in restored:
            seen.restore(ids, times)

    def drop(self, partition: int) -> None:
        """Forget a partition that another process works on now."""
        self._seen.pop(partition, None)

    def _empty(self, unique: Unique) -> SeenIds:
        return SeenIds(int(unique.within.total_seconds() * 1000), self._max_seen_ids)

    def _without_duplicates(self, batch: Batch, judgement: Judgement) -> list[int]:
        """Positions of the records that go to clean, ascending; the duplicates join the dead."""
        unique = self.stream.unique
        positions = judgement.index[judgement.passing]
        if unique is not None:
            ids = self._column(judgement, self.stream.event_id)
            duplicates = self._duplicates(batch, judgement, positions, ids)
            if len(duplicates):
                for k in duplicates.tolist():
                    reason = Reason(unique.name, unique.column, unique.explain(ids[k]))
                    judgement.dead[int(positions[k])] = [reason]
                gone = positions[duplicates]
                judgement.failed.append(Failed(unique.name, unique.column, unique.severity, gone))
                positions = np.delete(positions, duplicates)
        return positions.tolist()  # type: ignore[no-any-return]

    def _duplicates(
        self, batch: Batch, judgement: Judgement, positions: Positions, ids: list[str]
    ) -> Positions:
        """Which of the passing records repeat an event id: places in `ids`, ascending. Remembers the
        others.
        """
        times = self._column(judgement, self.stream.event_time)
        partitions, offsets = _integers(batch.partitions)[positions], _integers(batch.offsets)[positions]
        self._rewind(batch)
        repeated: list[int] = []
        for partition in np.unique(partitions).tolist():
            mine = np.flatnonzero(partitions == partition)
            places = mine.tolist()
            found = self._seen[partition].accept(
                [ids[k] for k in places], offsets[mine].tolist(), [times[k] for k in places]
            )
            repeated.extend(places[k] for k in found)
        return _integers(sorted(repeated))

    @staticmethod
    def _column(judgement: Judgement, name: str) -> list[Any]:
        """The passing rows' values of a column; usually those are all rows."""
        values = judgement.rows.get_column(name).to_list()
        passing = judgement.passing
        return values if len(passing) == len(values) else [values[k] for k in passing.tolist()]

    def _rewind(self, batch: Batch) -> None:
        """Where a batch begins at or before what was accepted, that was never committed: its transaction
        aborted.
        """
        found, first = np.unique(_integers(batch.partitions), return_index=True)
        for partition, position in zip(found.tolist(), first.tolist(), strict=True):
            self._seen[partition].rewind(batch.offsets[position])

    def _in_own_encoding(self, decoded: Decoded | None, accepted: list[int]) -> list[bytes] | None:
        """The accepted records of someone else's, written anew; None where they are the platform's already."""
        if decoded is None:
            return None
        rows = decoded.rows
        if len(accepted) < rows.num_rows:
            rows = rows.take(np.searchsorted(decoded.index, _integers(accepted)))
        return self._codec.encode(rows, self.stream.schema, self.stream.clean)

    def _outputs(
        self, batch: Batch, judgement: Judgement, accepted: list[int], values: list[bytes] | None
    ) -> list[Output]:
        outputs = []
        if accepted:
            keys = _Keys(judgement, self.stream)
            outputs.append(clean_output(self.stream.clean, batch, accepted, keys, values))
        if judgement.dead:
            outputs.append(dead_output(self.stream.dead, batch, judgement.dead))
        outputs.append(self._reports(batch, judgement))
        return outputs

    def _reports(self, batch: Batch, judgement: Judgement) -> Output:
        reports = quality_reports(
            self.stream.model,
            self.stream.topic,
            _integers(batch.partitions),
            _integers(batch.offsets),
            _integers(batch.timestamps_ms),
            _integers(list(judgement.dead)),
            judgement.failed,
        )
        values = [
            self._codec.encode_one(r.to_dict(), self._report_schema, self._report_topic) for r in reports
        ]
        return Output(self._report_topic, values, keys=[self.stream.model.encode()] * len(values))

    def _measure(self, judgement: Judgement, accepted: int, seconds: float) -> None:
        labels = (self.stream.model, self.stream.role)
        metrics.RECORDS.labels(*labels, "clean").inc(accepted)
        metrics.RECORDS.labels(*labels, "dead").inc(len(judgement.dead))
        for failed in judgement.failed:
            metrics.FAILURES.labels(*labels, failed.name, failed.severity).inc(len(failed.positions))
        metrics.BATCH_SECONDS.labels(*labels).observe(seconds)
        metrics.SEEN_IDS.labels(*labels).set(sum(map(len, self._seen.values())))
        for seen in self._seen.values():
            if seen.forgotten_early:
                metrics.FORGOTTEN_IDS.labels(*labels).inc(seen.forgotten_early)
                seen.forgotten_early = 0


def _integers(column: list[int]) -> Positions:
    return np.asarray(column, dtype=np.int64)


class _Keys:
    """The keys that records without one should have had: the entity as UTF-8, or the event id where it is
    null.
    """

    def __init__(self, judgement: Judgement, stream: Stream) -> None:
        self._judgement = judgement
        self._stream = stream
        self._by_position: dict[int, bytes] | None = None

    def __call__(self, position: int) -> bytes:
        if self._by_position is None:
            self._by_position = self._all()
        return self._by_position[position]

    def _all(self) -> dict[int, bytes]:
        rows = self._judgement.rows
        ids = rows.get_column(self._stream.event_id).to_list()
        entities = ids if self._stream.key is None else rows.get_column(self._stream.key).to_list()
        keys = [str(i if e is None else e).encode() for e, i in zip(entities, ids, strict=True)]
        return dict(zip(self._judgement.index.tolist(), keys, strict=True))
