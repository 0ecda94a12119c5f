"""Batches of records to profiles: decodes, splits by partition, folds. Knows no Kafka client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from tidemill.codec import Codec
from tidemill.codec.codec import Decoded
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import build_each
from tidemill.kafka.batch import Batch
from tidemill.telemetry.traceparent import sampled_contexts
from tidemill_drift import metrics
from tidemill_learning.drift.labels.orphans import MAX_EVENTS
from tidemill_learning.drift.profiling.log_values import Contexts, Inputs
from tidemill_learning.drift.profiling.partition import ROLES, PartitionProfiler, Role
from tidemill_learning.drift.profiling.windows import Longs, Place


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
        return list(dict.fromkeys([self.spec.event_id, self.spec.event_time, *self.watched]))

    @property
    def watched(self) -> list[str]:
        """The features whose values are looked at."""
        return [feature.name for feature in self.spec.features if feature.kind != "time"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A model of which profiles are made: its record, its topics by role, and what each topic holds."""

    record: Schema
    names: dict[Role, str]
    sources: dict[str, Source]


def watched(topics: TopicCatalog, schemas: SchemaCatalog, spec: ModelSpec) -> Watched:
    """What is profiled of a model. Raises ConfigError."""
    names = {role: topics.name(role, spec.name) for role in ROLES}
    sources = {names[role]: Source(spec, role, schemas.for_topic(role, spec.name)) for role in ROLES}
    return Watched(schemas.record(spec.name), names, sources)


class Profiling:
    """The profilers of all partitions that this process holds, of any number of models."""

    def __init__(self, specs: Iterable[ModelSpec], topics: TopicCatalog, schemas: SchemaCatalog, codec: Codec) -> None:
        self._codec = codec
        self._profile_schema = schemas.platform("profile")
        self._records: dict[str, Schema] = {}
        self._names: dict[str, dict[Role, str]] = {}
        self._sources: dict[str, Source] = {}
        self.take_up(build_each(specs, partial(watched, topics, schemas)))
        self._profilers: dict[tuple[str, int], PartitionProfiler] = {}

    def take_up(self, models: Mapping[str, Watched]) -> None:
        """Profile these models, too, or as these say. Their partitions must be assigned anew (`assign`)."""
        for model, found in models.items():
            self._records[model], self._names[model] = found.record, found.names
            self._sources |= found.sources

    @property
    def topics(self) -> list[str]:
        """The topics to read, full names."""
        return list(self._sources)

    def assign(
        self, places: Mapping[tuple[str, int], Place | None], anew: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        """Begin anew with these (topic, partition), each at a committed place or, for None, at its
        beginning. `anew`: ids of topics that were made anew.
        """
        self._profilers = {}
        for (topic, partition), place in places.items():
            profiler = self._profiler(self._sources[topic].spec, partition)
            profiler.resume(self._sources[topic].role, place or Place(), (anew or {}).get((topic, partition), ""))
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
        at, rows = _by_partition(batch, decoded, source.columns)
        partitions = np.array(batch.partitions, dtype=np.int64)[at]
        offsets = np.array(batch.offsets, dtype=np.int64)[at]
        appended = np.array(batch.timestamps_ms, dtype=np.int64)[at]
        contexts = sampled_contexts(map(batch.headers.__getitem__, at.tolist()))
        asked = self._inputs(source, rows)
        profiles: list[Profile] = []
        numbers, starts = np.unique(partitions, return_index=True)
        for partition, start, end in zip(numbers, starts, [*starts[1:], len(partitions)], strict=True):
            profiler = self._profiler(source.spec, int(partition))
            part = offsets[start:end], appended[start:end], rows.slice(start, end - start)
            profiles += _fold(profiler, source.role, part, _within(contexts, start, end), asked, (start, end))
            self._count(source.spec.name, int(partition), profiler)
        return profiles

    def _inputs(self, source: Source, rows: pa.RecordBatch) -> Inputs | None:
        """The inputs that REST predictions carry. Raises RetryLater."""
        if source.role != "predictions":
            return None
        carried = np.flatnonzero(np.asarray(rows.column("input").is_valid().to_numpy(zero_copy_only=False)))
        if not len(carried):
            return None
        values = rows.column("input").take(pa.array(carried)).to_pylist()
        decoded = self._codec.decode(values, self._records[source.spec.name])
        if decoded.bad:
            metrics.UNREADABLE.labels(source.spec.name, "rest").inc(len(decoded.bad))
        return Inputs(carried[decoded.index], decoded.rows.select(source.watched))

    def seals(self, topic: str, partition: int) -> list[Profile]:
        """Records that say that this partition has fallen idle."""
        source = self._sources[topic]
        return self._profiler(source.spec, partition).seals(source.role)

    def awaits_rest(self) -> set[tuple[str, int]]:
        """The (topic, partition) of predictions of which it must be known whether they have been read to their end."""
        return {
            (self._names[model]["predictions"], partition)
            for (model, partition), profiler in self._profilers.items()
            if profiler.awaits_rest()
        }

    def read_to_end(self, topic: str, partition: int, at_ms: int) -> list[Profile]:
        """Take note that all predictions that were appended to a partition before `at_ms` have been folded."""
        return self._profiler(self._sources[topic].spec, partition).read_to_end(at_ms)

    def links(self, profile: Profile) -> list[bytes]:
        """The sampled trace contexts of what is in a profile; given once."""
        profiler = self._profilers.get((profile.model, profile.partition))
        return profiler.links.pop(profile.profile_id, []) if profiler is not None else []

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
            metrics.PROFILES.labels(profile.model, profile.kind, str(profile.sealed).lower()).inc()
        values = [self._codec.encode_one(profile.to_dict(), self._profile_schema) for profile in profiles]
        return [profile.model.encode() for profile in profiles], values

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
        for source, count in join.unlabelled.items():
            metrics.UNLABELLED.labels(model, source).inc(count)
        for source, delays in join.delays.items():
            observe = metrics.LABEL_DELAY_SECONDS.labels(model, source).observe
            for delay in delays:
                observe(delay / 1000)
            delays.clear()
        metrics.UNMATCHED.labels(model).inc(join.unmatched)
        metrics.LATE.labels(model).inc(profiler.late)
        join.unlabelled.clear()
        join.unmatched = profiler.late = 0


def _by_partition(batch: Batch, decoded: Decoded, columns: Sequence[str]) -> tuple[Longs, pa.RecordBatch]:
    """The good rows, partition after partition: their places in the batch, and these columns of them."""
    partitions = np.array(batch.partitions, dtype=np.int64)[decoded.index]
    rows = decoded.rows.select(list(columns))
    if (partitions[1:] >= partitions[:-1]).all():
        return decoded.index, rows
    order = np.argsort(partitions, kind="stable")
    return decoded.index[order], rows.take(pa.array(order))


def _fold(
    profiler: PartitionProfiler, role: Role, part: tuple[Longs, Longs, pa.RecordBatch], contexts: Contexts,
    asked: Inputs | None, where: tuple[int, int],
) -> list[Profile]:  # fmt: skip
    if role == "clean":
        return profiler.clean(*part, contexts)
    if role == "labels":
        return profiler.labels(*part, contexts)
    return profiler.predictions(*part, contexts, asked.part(*where) if asked is not None else None)


def _within(contexts: Contexts, start: int, end: int) -> Contexts:
    return {row - start: context for row, context in contexts.items() if start <= row < end} if contexts else contexts
