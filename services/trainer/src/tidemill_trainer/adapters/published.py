"""What *release* knows of its own topics, read to the end after the writer was opened."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tidemill.codec import Codec
from tidemill.contracts.events import ModelRelease, ModelVersion
from tidemill.contracts.schemas import SchemaCatalog
from tidemill.kafka.batch import Batch
from tidemill.kafka.broadcast import BroadcastReader
from tidemill.settings import KafkaSettings


class Published:
    """Current versions and past releases. One thread reads on; ``current`` may be asked from any."""

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
        self._lock = threading.Lock()
        self._current: dict[str, ModelVersion] = {}
        self._release_ids: set[str] = set()
        self._serving_order: dict[str, list[int]] = {}

    def catch_up(self, timeout_s: float) -> None:
        """Read both topics to their ends. Raises ``RetryLater``."""
        versions = self._versions.catch_up(timeout_s)
        releases = self._releases.catch_up(timeout_s)
        for value in _values(versions):
            self._note_version(ModelVersion.from_dict(self._codec.decode_one(value, self._version_schema)))
        for value in _values(releases):
            self._note_release(ModelRelease.from_dict(self._codec.decode_one(value, self._release_schema)))

    def note(self, release: ModelRelease) -> None:
        """Take in a release that was just committed by this process.

        Reading to the end right after a commit may not show it: the broker answers a commit when it is
        decided, and lets readers see the records a moment later.
        """
        if release.action != "rejected":
            self._note_version(release.published)
        self._note_release(release)

    def current(self, model: str) -> ModelVersion | None:
        """What serves now, as far as has been read."""
        with self._lock:
            return self._current.get(model)

    def knows(self, release_id: str) -> bool:
        """Whether this release has been published."""
        return release_id in self._release_ids

    def previous(self, model: str) -> int | None:
        """The version that served before the current one, and is older than it."""
        current = self.current(model)
        older = [v for v in self._serving_order.get(model, []) if current and v < current.champion.version]
        return older[-1] if older else None

    def close(self) -> None:
        """Release both consumers."""
        self._versions.close()
        self._releases.close()

    def _note_version(self, version: ModelVersion) -> None:
        with self._lock:
            known = self._current.get(version.model)
            if known is None or version.epoch > known.epoch:
                self._current[version.model] = version

    def _note_release(self, release: ModelRelease) -> None:
        if release.release_id in self._release_ids:
            return  # noted when it was written, and now read
        self._release_ids.add(release.release_id)
        if release.action != "rejected":
            self._serving_order.setdefault(release.published.model, []).append(release.published.champion.version)


def _values(batches: Iterable[Batch]) -> Iterable[bytes]:
    return (value for batch in batches for value in batch.values if value is not None)
