"""What follows for versions once rows are gone from the training table that they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.contracts.events.platform import DataSet
from tidemill_operations.lifecycle.row_acts import RowsGone
from tidemill_operations.reproduce.kafka_rows import lost

if TYPE_CHECKING:
    from tidemill.artifact import Manifest
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.references.uses import References


def follows(platform: PlatformView, model: str, references: References, going: RowsGone) -> Iterator[str]:
    """In words, of the versions that anything refers to and that were made from rows that go: which can be made again
    from topics still, and which cannot any more. Raises RetryLater without brokers.
    """
    again: list[int] = []
    never: list[int] = []
    unread: list[int] = []
    for version, manifest in _manifests(platform, model, references):
        if manifest is None:
            unread.append(version)
        elif _learned(manifest, going):
            (never if _lost(platform, manifest) else again).append(version)
    if again:
        yield (
            f"{_versions(again)} learned from such rows: `tidemill models reproduce` reads them from topics, for as "
            "long as these keep them"
        )
    if never:
        yield (
            f"{_versions(never)} learned from such rows, and topics have lost them: it cannot be made again, and "
            "`tidemill models reproduce` says so"
        )
    if unread:
        yield f"whether {_versions(unread)} learned from such rows is not known: the artifact cannot be read"


def _manifests(platform: PlatformView, model: str, references: References) -> Iterator[tuple[int, Manifest | None]]:
    store = ArtifactStore.of(platform.settings)
    uses = (one for one in references.artifacts.values() if one.model == model and one.version)
    for use in sorted(uses, key=lambda one: one.version):
        try:
            yield use.version, store.fetch(model, use.uri, use.digest, only=()).manifest
        except (ArtifactError, OSError):
            yield use.version, None


def _learned(manifest: Manifest, going: RowsGone) -> bool:
    since = manifest.lineage.since if manifest.lineage is not None else None
    return bool(manifest.data_set.get("offsets")) and going.concerns(manifest.data_set, since)


def _lost(platform: PlatformView, manifest: Manifest) -> bool:
    ids = manifest.lineage.topic_ids if manifest.lineage is not None else {}
    return bool(lost(platform, DataSet.from_dict(manifest.data_set), ids))


def _versions(numbers: list[int]) -> str:
    return f"version {', '.join(map(str, numbers))}"
