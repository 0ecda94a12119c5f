"""What *release* knows of its own topics, read to the end after the writer was opened."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelRef, ModelRelease, ModelVersion
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.errors import DeadLetter
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.settings import KafkaSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialStart:
    """The first epoch of a trial, and when release published it (ms since the epoch of Unix)."""

    epoch: int
    at_ms: int


class Published:
    """Current versions and past releases. One thread reads on; `current` may be asked from any."""

    def __init__(
        self,
        settings: KafkaSettings,
        versions_topic: str,
        releases_topic: str,
        codec: Codec,
        schemas: SchemaCatalog,
    ) -> None:
        self._versions = BroadcastReader(settings, versions_topic, name="trainer-versions")
        self._releases = BroadcastReader(settings, releases_topic, name="trainer-releases")
        self._codec = codec
        self._version_schema = schemas.platform("model-version")
        self._release_schema = schemas.platform("model-release")
        self._unread_versions: deque[bytes] = deque()
        self._unread_releases: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._current: dict[str, ModelVersion] = {}
        self._release_ids: set[str] = set()
        self._serving_order: dict[str, list[int]] = {}
        self._known: dict[tuple[str, int], ModelRef] = {}
        self._trials: dict[str, TrialStart] = {}
        self._approved: dict[str, int] = {}

    def catch_up(self, timeout_s: float) -> None:
        """Read both topics to their ends. Raises `RetryLater`; what was read by then counts, and the rest is kept, for
        a reader hands each record over once. A record that is no event is passed over; what it stood in the place of
        on model-versions is known from the history, so that epochs go on.
        """
        self._unread_versions.extend(_values(self._versions.catch_up(timeout_s)))
        for found in self._events(self._unread_versions, self._version_schema):
            self._note_version(ModelVersion.from_dict(found))
        self._unread_releases.extend(_values(self._releases.catch_up(timeout_s)))
        for found in self._events(self._unread_releases, self._release_schema):
            release = ModelRelease.from_dict(found)
            self._note_version(release.published)
            self._note_release(release)

    def note(self, release: ModelRelease) -> None:
        """Take in a release that was just committed by this process.

        Reading to the end right after a commit may not show it: the broker answers a commit when it is
        decided, and lets readers see the records a moment later.
        """
        self._note_version(release.published)
        self._note_release(release)

    def current(self, model: str) -> ModelVersion | None:
        """What serves now, as far as has been read."""
        with self._lock:
            return self._current.get(model)

    def knows(self, release_id: str) -> bool:
        """Whether this release has been published."""
        return release_id in self._release_ids

    def reference(self, model: str, version: int) -> tuple[ModelRef, tuple[int, ...]] | None:
        """A version that was published at any time, as champion or challenger, and the start offsets of the model."""
        current, reference = self.current(model), self._known.get((model, version))
        return (reference, current.start_offsets) if current is not None and reference is not None else None

    def previous(self, model: str) -> int | None:
        """The version that served before the current one, and is older than it."""
        current = self.current(model)
        older = [v for v in self._serving_order.get(model, []) if current and v < current.champion.version]
        return older[-1] if older else None

    def trial(self, model: str) -> TrialStart | None:
        """When the trial that is published began; None without one."""
        current = self.current(model)
        return self._trials.get(model) if current is not None and current.challenger is not None else None

    def approved(self, model: str) -> bool:
        """Whether a person has let the challenger of the trial that is published go on."""
        current, began = self.current(model), self.trial(model)
        if current is None or current.challenger is None or began is None:
            return False
        return self._approved.get(model) == began.epoch

    def close(self) -> None:
        """Release both consumers."""
        self._versions.close()
        self._releases.close()

    def _events(self, unread: deque[bytes], schema: Schema) -> Iterator[Mapping[str, Any]]:
        """Takes what is decoded out of `unread`. Raises `RetryLater` where a schema cannot be had now."""
        while unread:
            try:
                found = self._codec.decode_one(unread[0], schema)
            except DeadLetter as error:
                _log.error("a record that is no %s is passed over, whoever wrote it: %s", schema.name, error.reason)
                unread.popleft()
            else:
                unread.popleft()
                yield found

    def _note_version(self, version: ModelVersion) -> None:
        with self._lock:
            known = self._current.get(version.model)
            if known is None or version.epoch > known.epoch:
                self._current[version.model] = version

    def _note_release(self, release: ModelRelease) -> None:
        if release.release_id in self._release_ids:
            return  # noted when it was written, and now read
        self._release_ids.add(release.release_id)
        published, model = release.published, release.published.model
        if release.action == "started":
            self._trials[model] = TrialStart(published.epoch, published.published_at)
        elif release.action == "approved" and model in self._trials:
            self._approved[model] = self._trials[model].epoch
        for reference in (published.champion, published.challenger):
            if reference is not None:
                self._known[model, reference.version] = reference
        order = self._serving_order.setdefault(model, [])
        if not order or order[-1] != published.champion.version:
            order.append(published.champion.version)


def _values(batches: Iterable[Batch]) -> Iterator[bytes]:
    return (value for batch in batches for value in batch.values if value is not None)
