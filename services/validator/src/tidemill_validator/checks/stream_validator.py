"""One raw topic of one model, from batches to outputs: judged in columns, then held against what came before."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.contracts.quantities import milliseconds
from tidemill.contracts.schemas.catalog import Schema
from tidemill.kafka.batch import Batch, Output
from tidemill.rows.field_rules import TextRule
from tidemill.sources import SET_ASIDE, SourceReader
from tidemill_expectations import AnyUnique
from tidemill_validator import metrics
from tidemill_validator.checks.flood import FloodGuard
from tidemill_validator.checks.outputs import clean_output, dead_output
from tidemill_validator.checks.partition_slices import Coordinates, Picked, by_partition, integers, items, place
from tidemill_validator.checks.record_keys import Keys
from tidemill_validator.checks.reports import in_parts, quality_reports
from tidemill_validator.checks.row_checks import Failed, Judge, Judgement, Positions, Reason
from tidemill_validator.encoded_topic import EncodedTopic
from tidemill_validator.uniqueness.memory import Memory, keys_of


@dataclass(frozen=True, slots=True)
class Stream:
    """One raw topic and what belongs to it: full topic names, the fields that identify a record.

    `role`: the topic's role (raw, labels_raw). `key`: the field whose value is the record key, None where
    that is the event id. `uniques`: the rules against repeats. `private`: fields under a privacy rule.
    `hidden_key`: that of the entity, if it has one. `most_seen`: most keys that a rule remembers of a partition, None
    where the process's own limit holds.
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
    uniques: tuple[AnyUnique, ...] = ()
    private: frozenset[str] = frozenset()
    hidden_key: TextRule | None = None
    most_seen: int | None = None

    def limit(self, most: int) -> int:
        """Most keys that a rule remembers of a partition, in a process that takes `most`."""
        return most if self.most_seen is None else min(most, self.most_seen)

    @property
    def within_ms(self) -> int:
        """How far back in event time any rule against repeats looks; 0 without one."""
        return max((milliseconds(rule.within) for rule in self.uniques), default=0)


def outputs_of(streams: Iterable[Stream]) -> dict[str, set[str]]:
    """By topic that is read, the topics whose records keep its partition numbers."""
    outputs: dict[str, set[str]] = {}
    for stream in streams:
        outputs.setdefault(stream.topic, set()).update((stream.clean, stream.dead))
    return outputs


class StreamValidator:
    """Turns batches of one raw topic into records for clean, for dead letters and for quality reports.

    Keeps what rules against repeats must remember of the partitions that it has been given; nothing else. May be
    asked again for records that it has judged before (an aborted transaction): the answer is the same. For one
    thread.
    """

    def __init__(
        self,
        stream: Stream,
        judge: Judge,
        reports: EncodedTopic,
        *,
        max_seen_ids: int,
        source: SourceReader | None = None,
        flood: FloodGuard | None = None,
    ) -> None:
        """`reports`: of quality; its codec encodes clean records too. `source`: reads the records where they are
        someone else's, in another format than the platform's.
        """
        self.stream = stream
        self._source = source
        self.flood = flood
        self._judge = judge
        self._reports_to = reports
        self._max_seen_ids = max_seen_ids
        self._keys = Keys(stream.event_id, stream.key, stream.hidden_key, foreign=source is not None)
        self._seen: dict[int, Memory] = {}

    def validate(self, batch: Batch) -> list[Output]:
        """What to write for a batch: at most one output for each of clean, dead letters and reports.

        Raises Flooded where too much of it is bad, RetryLater where a registry is away.
        """
        started = time.perf_counter()
        at = Coordinates.of(batch)
        decoded = self._source.decode(batch) if self._source else None
        judgement = self._judge.judge(batch.values, at.timestamps_ms, decoded)
        if self.flood is not None:
            self.flood.check(at.partitions, at.offsets, _faulty(judgement))
        accepted = self._without_duplicates(at, judgement)
        outputs = self._outputs(batch, at, judgement, accepted)
        self._measure(judgement, len(accepted), time.perf_counter() - started)
        return outputs

    def dead(self, batch: Batch, message: str) -> Output:
        """All records of a batch as dead letters, of which nothing can be said but that judging them failed."""
        reason = [Reason("ProcessingFailed", "", message)]
        metrics.RECORDS.labels(self.stream.model, self.stream.role, "dead").inc(len(batch))
        return dead_output(self.stream.dead, batch, dict.fromkeys(range(len(batch)), reason))

    def take(self, partition: int, restored: Iterable[tuple[Sequence[Any], Sequence[int]]] = ()) -> None:
        """Begin with a partition. `restored`: (keys, event times in ms) of what went to clean, oldest first; a key
        is an event id, or one key for each rule.
        """
        rules = self.stream.uniques
        if not rules:
            return
        self._seen[partition] = memory = Memory(rules, self.stream.limit(self._max_seen_ids))
        for keys, times in restored:
            if keys:
                memory.restore([keys] if len(rules) == 1 else list(zip(*keys, strict=True)), times)

    def follow(self, before: StreamValidator) -> bool:
        """Take the place of one of the same stream, with what it remembers of its partitions; False where the rules
        against repeats are others, and each partition must be begun anew (`take`).
        """
        now, then = self.stream, before.stream
        if (now.uniques, now.most_seen) != (then.uniques, then.most_seen):
            return False
        self._seen = before._seen
        return True

    def drop(self, partition: int) -> None:
        """Forget a partition that another process works on now."""
        self._seen.pop(partition, None)
        if self.flood is not None:
            self.flood.drop(partition)

    def _without_duplicates(self, at: Coordinates, judgement: Judgement) -> Positions:
        """The rows that go to clean, ascending; the duplicates join the dead."""
        rules, passing = self.stream.uniques, judgement.passing
        if not rules:
            return passing
        picked = Picked(passing, judgement.record.num_rows)
        keys = [picked.of(keys_of(rule, judgement.record)) for rule in rules]
        repeats = self._repeats(at, judgement, keys)
        if not repeats:
            return passing
        self._set_aside(judgement, keys, repeats)
        return np.delete(passing, [k for k, _ in repeats])

    def _set_aside(self, judgement: Judgement, keys: list[list[str | None]], repeats: list[tuple[int, int]]) -> None:
        positions = judgement.index[judgement.passing]
        for number, rule in enumerate(self.stream.uniques):
            mine = [k for k, broken in repeats if broken == number]
            if not mine:
                continue
            private = self.stream.private.intersection(rule.columns)
            for k in mine:
                told = f"{rule.subject} (personal, not shown) came before" if private else rule.explain(keys[number][k])
                judgement.dead[int(positions[k])] = [Reason(rule.name, rule.subject, told)]
            gone = positions[np.asarray(mine, dtype=np.int64)]
            judgement.failed.append(Failed(rule.name, rule.subject, rule.severity, gone, rule.arguments))

    def _repeats(self, at: Coordinates, judgement: Judgement, keys: list[list[str | None]]) -> list[tuple[int, int]]:
        """(place among the passing rows, rule) of those that repeat something, ascending. Remembers the others."""
        positions = judgement.index[judgement.passing]
        offsets, times = at.offsets[positions], judgement.times[judgement.passing]
        self._rewind(at)
        found: list[tuple[int, int]] = []
        for partition, mine in by_partition(at.partitions[positions]):
            own = [items(column, mine) for column in keys]
            repeats = self._seen[partition].accept(own, offsets[mine], times[mine])
            found.extend((place(mine, k), rule) for k, rule in repeats)
        return sorted(found)

    def _rewind(self, at: Coordinates) -> None:
        """Where a batch begins at or before what was accepted, that was never committed: its transaction
        aborted.
        """
        for partition, mine in by_partition(at.partitions):
            self._seen[partition].rewind(int(at.offsets[place(mine, 0)]))

    def _outputs(self, batch: Batch, at: Coordinates, judgement: Judgement, accepted: Positions) -> list[Output]:
        outputs = []
        if len(accepted):
            picked = Picked(judgement.index[accepted], len(batch))
            keys = self._keys.of(batch, judgement, accepted, picked)
            values = self._encoded_anew(batch, judgement, accepted, picked)
            outputs.append(clean_output(self.stream.clean, batch, picked, keys, values))
        if judgement.dead:
            outputs.append(dead_output(self.stream.dead, batch, judgement.dead))
        outputs.append(self._reports(at, judgement, accepted))
        return outputs

    def _encoded_anew(
        self, batch: Batch, judgement: Judgement, accepted: Positions, picked: Picked
    ) -> list[bytes | None] | None:
        """The values of the accepted rows, where some are no longer as they came."""
        changed = judgement.changed[accepted]
        if not changed.any():
            return None
        rows = accepted[changed]
        record = judgement.record if len(rows) == judgement.record.num_rows else judgement.record.take(pa.array(rows))
        encoded: list[bytes | None] = [*self._reports_to.codec.encode(record, self.stream.schema, self.stream.clean)]
        if changed.all():
            return encoded
        values = list(picked.of(batch.values))
        for k, value in zip(np.flatnonzero(changed).tolist(), encoded, strict=True):
            values[k] = value
        return values

    def _reports(self, at: Coordinates, judgement: Judgement, accepted: Positions) -> Output:
        newest, windows = self._by_window(judgement, accepted, at.partitions[judgement.index[accepted]])
        dead = integers(list(judgement.dead))
        reports = quality_reports(self.stream.model, self.stream.topic, at, dead, judgement.failed, newest)
        data = [part for report in reports for part in in_parts(report, windows.get(report.partition, []))]
        values: list[bytes | None] = [self._reports_to.encode(datum) for datum in data]
        return Output(self._reports_to.name, values, keys=[self.stream.model.encode()] * len(values))

    def _by_window(
        self, judgement: Judgement, accepted: Positions, partitions: Positions
    ) -> tuple[dict[int, int], dict[int, list[dict[str, Any]]]]:
        """Greatest event time, and window summaries, of the accepted rows by partition."""
        times = judgement.times[accepted]
        kept = self._judge.kept(judgement) if self._judge.windows.spans else None
        newest: dict[int, int] = {}
        windows: dict[int, list[dict[str, Any]]] = {}
        for partition, mine in by_partition(partitions):
            newest[partition] = int(times[mine].max())
            if kept is not None:
                found = self._judge.windows.summaries(kept.take(pa.array(accepted[mine])))
                windows[partition] = [summary.to_datum(over, start) for over, start, summary in found]
        return newest, windows

    def _measure(self, judgement: Judgement, accepted: int, seconds: float) -> None:
        labels = (self.stream.model, self.stream.role)
        metrics.RECORDS.labels(*labels, "clean").inc(accepted)
        aside = len(judgement.dead) - len(_faulty(judgement))
        metrics.RECORDS.labels(*labels, "dead").inc(len(judgement.dead) - aside)
        metrics.RECORDS.labels(*labels, "set_aside").inc(aside)
        for failed in judgement.failed:
            metrics.FAILURES.labels(*labels, failed.name, failed.severity).inc(len(failed.positions))
        metrics.BATCH_SECONDS.labels(*labels).observe(seconds)
        metrics.SEEN_IDS.labels(*labels).set(sum(map(len, self._seen.values())))
        forgotten = sum(memory.take_forgotten() for memory in self._seen.values())
        if forgotten:
            metrics.FORGOTTEN_IDS.labels(*labels).inc(forgotten)


def _faulty(judgement: Judgement) -> list[int]:
    """The dead that something is wrong with: tombstones and the like are set aside and are no fault of anybody."""
    return [k for k, reasons in judgement.dead.items() if reasons[0].name not in SET_ASIDE]
