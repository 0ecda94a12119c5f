"""Quiet failures in a model's profiles: labels that meet nothing, categories and classes that are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.events.platform import Failure
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.ordering import Item
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
    """One model's profiles, each when its turn comes (see `WindowOrder`), so that what is told does not depend on how
    those of several partitions were interleaved. `state`: what `to_state` gave.
    """

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

    def take(self, seen: Item, source: str, partition: int, baseline: Baseline) -> list[Quiet]:
        """Take in what `seen` kept of the next profile; gives what has failed, each once while it lasts. `baseline`: of
        the version that is watched now.
        """
        found = [*self._of_features(seen.get("categories", {}))]
        if "labels" in seen:
            found += [*self._join(source, partition, *seen["labels"])]
        return [*found, *self._of_labels(seen.get("classes", {}), baseline)]

    def _join(self, source: str, partition: int, labels: int, met: int) -> Iterator[Quiet]:
        fell = self._rate.take(source, partition, labels, met)
        if fell is not None and not self._told:
            measured = fell.usual - fell.share, fell.usual - fell.least
            yield Quiet(
                "join_rate_fell",
                DetectorResult("quality", "join-rate", "labels", *measured, fell.labels, fell.detail),
            )
        self._told = self._rate.low

    def _of_labels(self, classes: Mapping[str, int], baseline: Baseline) -> Iterator[Quiet]:
        if classes and baseline.classes:
            for new in self._classes.take("label", classes, sum(classes.values()), baseline.classes):
                yield Quiet("new_class", _result("quality", "new-class", "label", new))

    def _of_features(self, categories: Mapping[str, tuple[int, Mapping[str, int]]]) -> Iterator[Quiet]:
        for name, (total, unknown) in categories.items():
            for new in self._categories.take(name, unknown, total, ()):
                yield Quiet("new_category", _result("feature", "new-category", name, new))


def seen(profile: Profile, baseline: Baseline, *, learned: bool = False) -> Item:
    """What `QuietWatch` must know of a profile when its turn comes, as plain JSON; empty where there is nothing.
    `baseline`: of the version that is watched as it comes; `learned`: that version learned from these very rows.
    """
    if profile.kind == "quality":
        classes = {"classes": dict(profile.classes)} if any(profile.classes.values()) else {}
        met = profile.matched  # None: written before it was counted
        return classes if met is None else {"labels": [profile.records, met], **classes}
    categories = {}
    for feature in profile.features if not learned else ():
        known = baseline.categories(feature.name)
        if known is not None:
            unknown = {value: count for value, count in feature.categories.items() if value not in known}
            categories[feature.name] = [feature.count, unknown]
    return {"categories": categories} if categories else {}


def _result(kind: Any, detector: str, subject: str, new: New) -> DetectorResult:
    detail = f"{new.value!r} is new: {new.count:,} of {new.total:,} values, and the version has learned from none"
    return DetectorResult(kind, detector, subject, new.share, SHARE, new.total, detail)
