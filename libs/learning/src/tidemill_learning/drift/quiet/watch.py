"""Quiet failures in a model's profiles: labels that meet nothing, categories and classes that are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.events.platform import Failure
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.shift_detectors import DetectorResult
from tidemill_learning.drift.profiling.baseline import Baseline
from tidemill_learning.drift.quiet.join_rate import JoinRate
from tidemill_learning.drift.quiet.novelty import SHARE, New, Novelty


@dataclass(frozen=True, slots=True)
class Quiet:
    """A failure that nobody is told of otherwise, and what shows it. It asks for no retraining: nothing is there to
    learn, or label time asks, for answers that got worse.
    """

    failure: Failure
    result: DetectorResult


class QuietWatch:
    """One model's profiles, in the order of their topic, whatever their windows. `state`: what `to_state` gave."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._rate = JoinRate(state.get("rate"))
        self._categories, self._classes = Novelty(state.get("categories")), Novelty(state.get("classes"))
        self._told = bool(state.get("told", False))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "rate": self._rate.to_state(), "categories": self._categories.to_state(),
            "classes": self._classes.to_state(), "told": self._told,
        }  # fmt: skip

    @property
    def lasting(self) -> dict[Failure, bool]:
        """Which failures last."""
        return {
            "join_rate_fell": self._rate.low, "new_category": self._categories.there, "new_class": self._classes.there,
        }  # fmt: skip

    def version_changed(self) -> None:
        """Another version serves: it has learned from other values."""
        self._categories, self._classes = Novelty(), Novelty()

    def take(self, profile: Profile, baseline: Baseline, *, learned: bool = False) -> list[Quiet]:
        """Take in a profile; gives what has failed, each once while it lasts. `learned`: the version learned from these
        very rows.
        """
        if profile.sealed:
            return []
        if profile.kind == "quality":
            return [*self._join(profile), *self._of_labels(profile, baseline)]
        return list(self._of_features(profile, baseline)) if profile.kind == "features" and not learned else []

    def _join(self, profile: Profile) -> Iterator[Quiet]:
        if profile.matched is None:
            return  # written before it was counted
        fell = self._rate.take(profile.source or "stream", profile.partition, profile.records, profile.matched)
        if fell is not None and not self._told:
            measured = fell.usual - fell.share, fell.usual - fell.least
            yield Quiet(
                "join_rate_fell",
                DetectorResult("quality", "join-rate", "labels", *measured, fell.labels, fell.detail),
            )
        self._told = self._rate.low

    def _of_labels(self, profile: Profile, baseline: Baseline) -> Iterator[Quiet]:
        total = sum(profile.classes.values())
        if total and baseline.classes:
            for new in self._classes.take("label", profile.classes, total, baseline.classes):
                yield Quiet("new_class", _result("quality", "new-class", "label", new))

    def _of_features(self, profile: Profile, baseline: Baseline) -> Iterator[Quiet]:
        for feature in profile.features:
            known = baseline.categories(feature.name)
            if known is not None:
                for new in self._categories.take(feature.name, feature.categories, feature.count, known):
                    yield Quiet("new_category", _result("feature", "new-category", feature.name, new))


def _result(kind: Any, detector: str, subject: str, new: New) -> DetectorResult:
    detail = f"{new.value!r} is new: {new.count:,} of {new.total:,} values, and the version has learned from none"
    return DetectorResult(kind, detector, subject, new.share, SHARE, new.total, detail)
