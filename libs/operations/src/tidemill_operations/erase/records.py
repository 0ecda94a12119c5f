"""Which records of a model's topics are of an entity: by key, by the entity in them, by the event that they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.errors import DeadLetter
from tidemill.kafka.client.scan import scan
from tidemill_operations.erase.entity import Forms
from tidemill_operations.raw_records import RawRecords

if TYPE_CHECKING:
    import numpy.typing as npt

    from tidemill.codec.codec import Decoded
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.kafka.batch import Batch
    from tidemill.sources import SourceReader
    from tidemill_operations.platform import PlatformView

EVENTS = ("raw", "clean", "predictions")
"""Roles whose records tell which events are the entity's, in the order in which they are read."""
OTHERS = ("labels_raw", "labels", "raw_dlq", "labels_raw_dlq")


@dataclass(slots=True)
class Wanted:
    """What is looked for. `ids`: of the entity's events, as far as they are known; it grows."""

    forms: Forms
    ids: set[str] = field(default_factory=set)

    def owns(self, key: bytes) -> bool:
        """Whether a record key is the entity's, or the id of one of its events, which stands for a hidden entity."""
        return key in self.forms.keys or key.decode(errors="replace") in self.ids

    def entities(self, column: pa.Array) -> npt.NDArray[np.bool_]:
        """Which values are this entity and nobody else: bool [rows]."""
        return _is_in(column, self.forms.texts)

    def unknown(self, column: pa.Array) -> npt.NDArray[np.bool_]:
        """Which values do not tell whose they are, for a privacy rule stands on the field: bool [rows]."""
        if not self.forms.hidden:
            return np.zeros(len(column), dtype=np.bool_)
        return _is_in(column, self.forms.shared) | np.array(column.is_null(), dtype=np.bool_)

    def events(self, column: pa.Array) -> npt.NDArray[np.bool_]:
        """Which ids are of its events: bool [rows]."""
        return _is_in(column, self.ids)


@dataclass(slots=True)
class Matches:
    """What a topic holds. `newest_ms`: when its newest such record was appended; `keys`: by (partition, key), of keys
    that are the entity's alone, whether the newest record is a tombstone.
    """

    topic: str
    count: int = 0
    newest_ms: int = 0
    keys: dict[tuple[int, bytes], bool] = field(default_factory=dict)

    def take(self, batch: Batch, hit: npt.NDArray[np.bool_], own: Callable[[bytes], bool] = lambda key: False) -> None:
        """Count the records of a batch that were found. `own`: whether a key is the entity's alone."""
        for k in np.flatnonzero(hit).tolist():
            self.count += 1
            self.newest_ms = max(self.newest_ms, batch.timestamps_ms[k])
            key = batch.keys[k]
            if key is not None and own(key):
                self.keys[batch.partitions[k], key] = batch.values[k] is None


class TopicReader:
    """Reads the topics of one model. For one thread."""

    def __init__(self, platform: PlatformView, spec: ModelSpec, wanted: Wanted) -> None:
        self._platform = platform
        self._spec = spec
        self._wanted = wanted
        self._raw = RawRecords(platform, spec.name)

    def find(self, role: str) -> Matches:
        """Reads the whole topic, committed records. Raises ConfigError where there is none, RetryLater."""
        topic = self._platform.topics.name(role, self._spec.name)
        found = Matches(topic)
        for batch in scan(self._platform.settings, topic):
            found.take(batch, self._by_key(batch) | self._by_content(role, batch), self._wanted.owns)
        return found

    def _by_key(self, batch: Batch) -> npt.NDArray[np.bool_]:
        keys = self._wanted.forms.keys
        return np.fromiter((key is not None and key in keys for key in batch.keys), np.bool_, len(batch))

    def _by_content(self, role: str, batch: Batch) -> npt.NDArray[np.bool_]:
        if role.endswith("_dlq"):
            return self._dead(role, batch)
        hit = np.zeros(len(batch), dtype=np.bool_)
        decoded = self._decoded(role, batch)
        if not decoded.rows.num_rows:
            return hit
        ids = decoded.rows.column(self._id_field(role))
        if role in ("raw", "clean"):
            own = self._wanted.entities(decoded.rows.column(self._spec.entity))
        elif role == "predictions":
            own = self._asked(decoded)
        else:  # a label with the entity's key is of an event of the entity's
            own = self._by_key(batch)[decoded.index]
        own |= self._by_key(batch)[decoded.index]
        self._wanted.ids.update(pc.filter(ids, pa.array(own)).drop_null().to_pylist())
        hit[decoded.index] = own | self._wanted.events(ids)
        return hit

    def _decoded(self, role: str, batch: Batch) -> Decoded:
        if role in ("raw", "labels_raw") and self._platform.topics.is_external(role, self._spec.name):
            return self._foreign[role].decode(batch)
        schema = self._platform.schemas.for_topic(role, self._spec.name)
        return self._platform.codec.decode(batch.values, schema)

    @cached_property
    def _foreign(self) -> dict[str, SourceReader]:
        named = self._platform.topics.external_topics(self._spec.name)
        return {role: self._platform.source_reader(role, self._spec.name) for role in named}

    def _id_field(self, role: str) -> str:
        return self._spec.event_id if role in ("raw", "clean") else "event_id"

    def _asked(self, decoded: Decoded) -> npt.NDArray[np.bool_]:
        """Predictions that carry the entity in the input that they were made from."""
        own = np.zeros(decoded.rows.num_rows, dtype=np.bool_)
        given = decoded.rows.column("input")
        at = np.flatnonzero(np.asarray(pc.is_valid(given)))
        if not len(at):
            return own
        record = self._platform.schemas.record(self._spec.name)
        inputs = self._platform.codec.decode(given.take(pa.array(at)).to_pylist(), record)
        own[at[inputs.index]] = self._wanted.entities(inputs.rows.column(self._spec.entity))
        return own

    def _dead(self, role: str, batch: Batch) -> npt.NDArray[np.bool_]:
        return np.fromiter((self._dead_is_ours(role, batch, k) for k in range(len(batch))), np.bool_, len(batch))

    def _dead_is_ours(self, role: str, batch: Batch, k: int) -> bool:
        """By what a decoder makes of it; of what is no record, by the bytes: rather one too many."""
        value = batch.values[k]
        if value is None:
            return False
        try:
            datum = self._raw.read(role, batch, k)
        except DeadLetter:
            return any(text.encode() in value for text in self._wanted.forms.texts)
        if role == "raw_dlq" and datum.get(self._spec.entity) in self._wanted.forms.texts:
            return True
        return datum.get(self._spec.event_id if role == "raw_dlq" else "event_id") in self._wanted.ids


def mentions(platform: PlatformView, role: str, texts: frozenset[str]) -> Matches:
    """Records of a topic that all models share in whose bytes one of these texts stands."""
    needles = [text.encode() for text in texts]
    found = Matches(platform.topics.name(role))
    for batch in scan(platform.settings, found.topic):
        hit = (value is not None and any(needle in value for needle in needles) for value in batch.values)
        found.take(batch, np.fromiter(hit, np.bool_, len(batch)))
    return found


def roles() -> Iterator[str]:
    """Roles of a model's topics that may hold it, in the order in which they must be read."""
    yield from EVENTS
    yield from OTHERS


def _is_in(column: pa.Array, values: frozenset[str] | set[str]) -> npt.NDArray[np.bool_]:
    texts = column.cast(pa.string())
    found = pc.is_in(texts, value_set=pa.array(sorted(values), pa.string()))
    return np.array(found.to_numpy(zero_copy_only=False), dtype=np.bool_)
