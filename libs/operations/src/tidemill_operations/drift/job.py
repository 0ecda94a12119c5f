"""Reads what a model's topics tell of its drift, and holds it against what the serving version learned from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.report.picture import Picture, SourcePicture
from tidemill_operations.drift.event_clock import EventClock
from tidemill_operations.drift.history import History, read_history
from tidemill_operations.errors import NotPossible
from tidemill_operations.reach import ensure_reachable
from tidemill_operations.standing.serving import serving

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

WINDOWS = 1
"""Merged windows that are "now", as the detectors look at them: one profile of each partition."""


@dataclass(frozen=True, slots=True)
class Report:
    """One model's drift. `reference`: the document of `version`, which serves; `sources`: what is known of the stream
    and of REST, each where anything is; `hidden`: features under a privacy rule, whose values are not to be shown;
    `metric`: the model file's. `profiles`: how many were read; `unread`: records among them that are none.
    """

    model: str
    task: str
    metric: str
    version: int
    reference: Mapping[str, Any]
    sources: Mapping[str, SourcePicture]
    hidden: frozenset[str]
    history: History
    profiles: int
    unread: int


def drift_report(
    platform: PlatformView, model: str, since_ms: int | None, windows: int = WINDOWS,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Report:  # fmt: skip
    """Reads what was appended since then (all that is kept, where None). Raises NotPossible where no version serves, or
    its artifact is not what was published; RetryLater without brokers.
    """
    spec = platform.model(model)
    ensure_reachable(platform.settings)
    published = serving(platform, model)
    reference, threshold = read_reference(platform, published)
    width = windows * max(1, len(published.start_offsets))
    picture, clock = Picture(reference, published.champion.version, width, threshold), EventClock()
    read = unread = 0
    for appended_ms, profile in read_profiles(platform, model, since_ms, advance):
        if profile is None:
            unread += 1
        elif picture.add(profile):
            read += 1
            if profile.kind == "features" and profile.source is None:
                clock.add(appended_ms, profile.ended_at)
    return Report(
        model=model, task=spec.target.task, metric=spec.training.metric, version=published.champion.version,
        reference=reference, sources={name: one for name, one in picture.sources.items() if not one.is_empty},
        hidden=frozenset(spec.privacy), history=read_history(platform, model, since_ms, clock),
        profiles=read, unread=unread,
    )  # fmt: skip


def read_reference(platform: PlatformView, published: ModelVersion) -> tuple[Mapping[str, Any], float]:
    """The champion's training reference, and from which probability on a binary one says true. Raises NotPossible where
    they cannot be had.
    """
    from tidemill.artifact import REFERENCE_FILE, ArtifactError, ArtifactStore

    champion = published.champion
    try:
        artifact = ArtifactStore.of(platform.settings).fetch(
            published.model, champion.artifact_uri, champion.manifest_digest, only=[REFERENCE_FILE]
        )
    except ArtifactError as error:
        raise NotPossible(f"version {champion.version} has nothing to compare with: {error}") from error
    except OSError as error:
        raise NotPossible(f"the artifact store does not answer: {error}") from error
    document: Mapping[str, Any] = json.loads(artifact.files[REFERENCE_FILE])
    return document, artifact.manifest.decides_at


def read_profiles(
    platform: PlatformView,
    model: str,
    since_ms: int | None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[int, Profile | None]]:
    """A model's profiles with the broker's time of each; None for a record that is none."""
    from tidemill.errors import DeadLetter
    from tidemill.kafka.client.scan import bounds, scan

    topic, schema, key = platform.topics.name("profiles"), platform.schemas.platform("profile"), model.encode()
    total = sum(end - start for start, end in bounds(platform.settings, topic, since_ms=since_ms).values())
    done = 0
    for batch in scan(platform.settings, topic, since_ms=since_ms, batch_size=200):
        for at, found, value in zip(batch.timestamps_ms, batch.keys, batch.values, strict=True):
            if found != key:
                continue
            try:
                yield at, Profile.from_dict(platform.codec.decode_one(value, schema))
            except DeadLetter:
                yield at, None
        done += len(batch)
        advance(done, max(done, total))
