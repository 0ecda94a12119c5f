"""Batches of records to profiles: decodes, splits by partition, folds. Knows no Kafka client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Batch
from tidemill_drift import metrics
from tidemill_learning.drift.orphans import MAX_EVENTS
from tidemill_learning.drift.partition import KINDS, PartitionProfiler, Profile, Role
from tidemill_learning.drift.windows import Place


@dataclass(frozen=True, slots=True)
class Source:
    """What a topic holds; `columns` are those that are needed of it."""

    spec: ModelSpec
    role: Role
    schema: Schema

    @property
    def columns(self) -> list[str]:
        """The event's id and time and the features of a clean record, everything of the others."""
        if self.role != "clean":
            return self.schema.field_names
        watched = [feature.name for feature in self.spec.features if feature.kind != "time"]
        return list(dict.fromkeys([self.spec.event_id, self.spec.event_time, *watched]))


class Profiling:
    """The profilers of all partitions that this process holds, of any number of models."""

    def __init__(self, specs: Iterable[ModelSpec], topics: TopicCatalog, schemas: SchemaCatalog, codec: Codec) -> None:
        self._codec = codec
        self._profile_schema = schemas.platform("profile")
        self._names = {spec.name: {role: topics.name(role, spec.name) for role in KINDS} for spec in specs}
        self._sources = {
            self._names[spec.name][role]: Source(spec, role, schemas.for_topic(role, spec.name))
            for spec in specs
            for role in KINDS
        }
        self._profilers: dict[tuple[str, int], PartitionProfiler] = {}

    @property
    def topics(self) -> list[str]:
        """The topics to read, full names."""
        return list(self._sources)

    def assign(self, places: Mapping[tuple[str, int], Place | None]) -> None:
        """Begin anew with these (topic, partition), each at a committed place or, for None, at its
        beginning.
        """
        self._profilers = {}
        for (topic, partition), place in places.items():
            profiler = self._profiler(self._sources[topic].spec, partition)
            profiler.resume(self._sources[topic].role, place or Place())
        for (model, partition), profiler in self._profilers.items():
            self._count(model, partition, profiler)

    def begins(self, topic: str, place: Place) -> int:
        """From which offset a topic must be read, where `place` is committed: clean some way before it, so that ids
        of events are known to whom labels may come.
        """
        return max(0, place.offset - MAX_EVENTS) if self._sources[topic].role == "clean" else place.offset

    def drop(self) -> None:
        """Forget everything: the partitions belong to others now."""
        self._profilers = {}
        metrics.ORPHANS.clear()
        metrics.COUNTED_LABELS.clear()

    def fold(self, batch: Batch) -> list[Profile]:
        """Take in a batch of one topic; gives the profiles that are complete now. Raises RetryLater without
        effect.
        """
        source = self._sources[batch.topic]
        decoded = self._codec.decode(batch.values, source.schema)
        metrics.RECORDS.labels(source.spec.name, source.role).inc(len(batch))
        if decoded.bad:
            metrics.UNREADABLE.labels(source.spec.name, source.role).inc(len(decoded.bad))
        by_partition = np.argsort(np.array(batch.partitions, dtype=np.int64)[decoded.index], kind="stable")
        at = decoded.index[by_partition]
        partitions = np.array(batch.partitions, dtype=np.int64)[at]
        offsets = np.array(batch.offsets, dtype=np.int64)[at]
        appended = np.array(batch.timestamps_ms, dtype=np.int64)[at]
        rows = decoded.rows.select(source.columns).take(pa.array(by_partition))
        profiles: list[Profile] = []
        numbers, starts = np.unique(partitions, return_index=True)
        for partition, start, end in zip(numbers, starts, [*starts[1:], len(partitions)], strict=True):
            profiler = self._profiler(source.spec, int(partition))
            fold = getattr(profiler, source.role)
            profiles += fold(offsets[start:end], appended[start:end], rows.slice(start, end - start))
            self._count(source.spec.name, int(partition), profiler)
        return profiles

    def seal(self, topic: str, partition: int) -> Profile:
        """A record that says that this partition has fallen idle."""
        source = self._sources[topic]
        return self._profiler(source.spec, partition).seal(source.role)

    def places(self) -> dict[tuple[str, int], Place]:
        """Per (topic, partition) what to commit."""
        return {
            (self._names[model][role], partition): place
            for (model, partition), profiler in self._profilers.items()
            for role, place in profiler.commits().items()
        }

    def full(self) -> set[tuple[str, int]]:
        """The (topic, partition) that should not be read on for now."""
        return {
            (self._names[model]["labels"], partition)
            for (model, partition), profiler in self._profilers.items()
            if profiler.full
        }

    def encode(self, profiles: Sequence[Profile]) -> tuple[list[bytes], list[bytes]]:
        """Keys and values for the topic of profiles."""
        for profile in profiles:
            metrics.PROFILES.labels(profile["model"], profile["kind"], str(profile["sealed"]).lower()).inc()
        values = [self._codec.encode_one(profile, self._profile_schema) for profile in profiles]
        return [profile["model"].encode() for profile in profiles], values

    def _profiler(self, spec: ModelSpec, partition: int) -> PartitionProfiler:
        key = (spec.name, partition)
        if key not in self._profilers:
            self._profilers[key] = PartitionProfiler(spec, partition, self._names[spec.name])
        return self._profilers[key]

    @staticmethod
    def _count(model: str, partition: int, profiler: PartitionProfiler) -> None:
        join = profiler.join
        metrics.WAITING.labels(model, partition).set(join.waiting_predictions)
        metrics.OPEN_LABELS.labels(model, partition).set(join.open_labels)
        metrics.ORPHANS.labels(model, partition).set(profiler.orphans.counts.orphans)
        metrics.COUNTED_LABELS.labels(model, partition).set(profiler.orphans.counts.labels)
        metrics.UNLABELLED.labels(model).inc(join.unlabelled)
        metrics.UNMATCHED.labels(model).inc(join.unmatched)
        metrics.LATE.labels(model).inc(profiler.late)
        join.unlabelled = join.unmatched = profiler.late = 0
