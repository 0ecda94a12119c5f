"""The profiles that one partition makes, with their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tidemill.contracts.events.profiles import Comparison, ErrorProfile, Profile, ProfileKind
from tidemill.ids import deterministic_id
from tidemill_learning.drift.labels.label_window import REST, LabelWindow, Source
from tidemill_learning.drift.profiling.folds import Extent, FeatureFold, ScoreFold

Role = Literal["clean", "predictions", "labels"]
ROLES: tuple[Role, ...] = ("clean", "predictions", "labels")


class Profiles:
    """Makes profiles. `links`: the trace contexts of what is in a profile, by its id; none where nothing is sampled."""

    def __init__(self, model: str, partition: int, topics: Mapping[Role, str]) -> None:
        self._model = model
        self._partition = partition
        self._topics = topics
        self.topic_ids: dict[Role, str] = {}
        """Of topics that were made anew: the numbers of their windows by count come again."""
        self.links: dict[str, list[bytes]] = {}

    def of_fold(self, source: Source, kind: ProfileKind, window: int, fold: FeatureFold | ScoreFold) -> Profile:
        """The profile of a window of features or of scores."""
        role: Role = "clean" if (source, kind) == ("stream", "features") else "predictions"
        if isinstance(fold, FeatureFold):
            told = {"features": fold.features(), "together": fold.together()}
            return self._profile(role, source, kind, window, fold.extent, **told)
        return self._profile(role, source, kind, window, fold.extent, scores=fold.scores())

    def of_labels(
        self, source: Source, window: LabelWindow, errors: Sequence[ErrorProfile], comparisons: Sequence[Comparison],
        classes: Mapping[str, int],
    ) -> Profile:  # fmt: skip
        """The profile of a window of labels that met a source's predictions."""
        return self._profile(
            "labels", source, "quality", window.number, window.extent,
            errors=tuple(errors), comparisons=tuple(comparisons), matched=len(window.labels_of(source)),
            classes=classes,
        )  # fmt: skip

    def seal(self, role: Role, source: Source, kind: ProfileKind, window: int, extent: Extent) -> Profile:
        """A profile of nothing: it says that the partition has fallen idle."""
        return self._profile(role, source, kind, window, extent, "seal", sealed=True)

    def _profile(
        self, role: Role, source: Source, kind: ProfileKind, window: int, extent: Extent, *also: str, **content: Any
    ) -> Profile:
        """`also`: what tells its id from others of the window. `content`: further fields."""
        topic_id = self.topic_ids.get(role)
        also = (*(("rest",) if source == REST else ()), *also, *((topic_id,) if topic_id else ()))
        profile_id = deterministic_id("profile", self._model, self._partition, kind, window, *also)
        if extent.contexts:
            self.links[profile_id] = [*extent.contexts]
        return Profile(
            profile_id=profile_id,
            model=self._model,
            partition=self._partition,
            kind=kind,
            window=window,
            topic=self._topics[role],
            first_offset=extent.first_offset,
            last_offset=extent.last_offset,
            records=extent.records,
            started_at=extent.started_at,
            ended_at=extent.ended_at,
            source=REST if source == REST else None,
            topic_id=topic_id,
            **content,
        )
