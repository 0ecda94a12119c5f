"""All that profiles tell of one model's drift, in bounded memory: what the newest windows hold, and sums over event
time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.contracts.events.profiles import FeatureProfile, Profile, ScoreProfile
from tidemill_learning.drift.detection.quality import Totals
from tidemill_learning.drift.detection.shift_detectors import LEAST_VALUES
from tidemill_learning.drift.detection.together import Pair, pairs
from tidemill_learning.drift.profiling.baseline import Baseline, Comparison
from tidemill_learning.drift.report.feature_shifts import FeatureShift, feature_shifts, merged, psi_of
from tidemill_learning.drift.report.promises import CalibrationPoint, Promise, calibration, promise
from tidemill_learning.drift.report.scores import Scores, ScoreShift, merged_scores, score_shift
from tidemill_learning.drift.report.timeline import Slot, Timeline

STREAM, REST = "stream", "rest"


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the newest windows lie in event time (epoch ms), and how many windows and records they are."""

    windows: int
    records: int
    from_ms: int
    to_ms: int


@dataclass(slots=True)
class _Newest:
    """The newest windows by the time of their end, at most `width`."""

    width: int
    held: list[tuple[int, int, int, int, Profile, Any]] = field(default_factory=list)
    count: int = 0

    def add(self, profile: Profile, content: Any) -> None:
        self.count += 1
        heapq.heappush(self.held, (profile.ended_at, profile.window, profile.partition, self.count, profile, content))
        if len(self.held) > self.width:
            heapq.heappop(self.held)

    @property
    def contents(self) -> list[Any]:
        return [content for *_, content in sorted(self.held)]

    @property
    def extent(self) -> Extent | None:
        if not self.held:
            return None
        profiles = [profile for *_, profile, _ in self.held]
        started, ended = min(one.started_at for one in profiles), max(one.ended_at for one in profiles)
        return Extent(len(profiles), sum(one.records for one in profiles), started, ended)


class SourcePicture:
    """What the stream, or what REST clients asked, looks like. `reference`: the document of the version that serves;
    `version`: its number; `width`: how many of the newest windows are "now"; `threshold`: from which probability on it
    says true (versions before it are taken to have had the same).
    """

    def __init__(self, reference: Mapping[str, Any], version: int, width: int, threshold: float = 0.5) -> None:
        self._reference, self._version, self.threshold = reference, version, threshold
        self._baseline = Baseline(reference)
        self._features, self._predictions, self._together = _Newest(width), _Newest(width), _Newest(width)
        self._courses: dict[str, Timeline[Comparison]] = {}
        self._scores: Timeline[Scores] = Timeline()
        self._answers: Timeline[Totals] = Timeline()
        self._of_version = Totals(())

    @property
    def now(self) -> Extent | None:
        """Where the features of "now" lie."""
        return self._features.extent

    @property
    def predicted(self) -> Extent | None:
        """Where the serving version's predictions of "now" lie."""
        return self._predictions.extent

    @property
    def features(self) -> list[FeatureShift]:
        """Each feature then and now, the most moved first."""
        windows: list[tuple[FeatureProfile, ...]] = self._features.contents
        return feature_shifts(self._reference, merged(one for window in windows for one in window))

    @property
    def together(self) -> list[Pair]:
        """Each pair of features then and now, those first that turned most; none where the reference knows of none."""
        return pairs(self._reference, (one.to_dict() for one in self._together.contents))

    @property
    def courses(self) -> dict[str, list[tuple[int, float]]]:
        """PSI of each feature over event time against what the serving version learned from: (end of a slot, PSI)."""
        return {name: _psi_course(course) for name, course in self._courses.items()}

    @property
    def scores(self) -> ScoreShift | None:
        """The serving version's newest predictions against the held-out ones; None where it has made none."""
        profiles: list[ScoreProfile] = self._predictions.contents
        if not profiles:
            return None
        both = profiles[0]
        for one in profiles[1:]:
            both = merged_scores(both, one)
        return score_shift(self._reference, both)

    @property
    def expected(self) -> list[tuple[int, int, dict[str, float]]]:
        """What champions' probabilities promise before any label: (end of a slot, predictions, metrics)."""
        found = ((slot.to_ms, slot.value.count, slot.value.promised(self.threshold)) for slot in self._scores.slots)
        return [one for one in found if one[2]]

    @property
    def score_course(self) -> list[Slot[Scores]]:
        """What champions predicted over event time, whichever version it was."""
        return self._scores.slots

    @property
    def promises(self) -> list[tuple[int, Promise]]:
        """What champions promised and what came, by the time at which labels were observed (end of a slot)."""
        found = [(slot.to_ms, promise(slot.value, self.threshold)) for slot in self._answers.slots]
        return [(at, one) for at, one in found if one is not None]

    @property
    def promise(self) -> Promise | None:
        """The same of the serving version alone, over all its labels."""
        return promise(self._of_version, self.threshold)

    @property
    def calibration(self) -> list[CalibrationPoint]:
        """Of the serving version, over all its labels."""
        return calibration(self._of_version)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of it."""
        return not (self._features.count or self._scores.slots or self._answers.slots)

    def add(self, profile: Profile) -> None:
        """Take in a profile that is not sealed; each once, in any order."""
        if profile.kind == "features":
            self._add_features(profile)
        elif profile.kind == "predictions":
            self._add_scores(profile)
        else:
            self._add_answers(profile)

    def _add_features(self, profile: Profile) -> None:
        self._features.add(profile, profile.features)
        if profile.together is not None:
            self._together.add(profile, profile.together)
        for name, compared in self._baseline.features(profile).items():
            self._courses.setdefault(name, Timeline()).add(profile.ended_at, compared)

    def _add_scores(self, profile: Profile) -> None:
        for score in profile.scores:
            if score.arm == "champion":
                self._scores.add(profile.ended_at, Scores.of(score))
                if score.version == self._version:
                    self._predictions.add(profile, score)

    def _add_answers(self, profile: Profile) -> None:
        for error in profile.errors:
            if error.arm == "champion":
                totals = Totals([error])
                self._answers.add(profile.ended_at, totals)
                if error.version == self._version:
                    self._of_version = self._of_version + totals


class Picture:
    """Both sources of one model; profiles of others must not be given. A repeat of a profile counts once.

    >>> reference = {"rows": 900, "predictions": {}, "features": {
    ...     "region": {"kind": "category", "counts": {"north": 450, "south": 450}, "other": 0}}}
    >>> picture = Picture(reference, version=1, width=2)
    >>> moved = FeatureProfile(name="region", count=500, nulls=0, categories={"north": 500})
    >>> profile = Profile(profile_id="p", model="loan", kind="features", partition=0, window=0, topic="loan-clean",
    ...     first_offset=0, last_offset=499, records=500, started_at=0, ended_at=60_000, features=(moved,))
    >>> picture.add(profile), picture.add(profile)
    (True, False)
    >>> stream = picture.sources["stream"]
    >>> stream.now.records, [shift.name for shift in stream.features], stream.courses["region"][0][0]
    (500, ['region'], 120000)
    """

    def __init__(self, reference: Mapping[str, Any], version: int, width: int, threshold: float = 0.5) -> None:
        self.sources = {name: SourcePicture(reference, version, width, threshold) for name in (STREAM, REST)}
        self._known: set[str] = set()

    def add(self, profile: Profile) -> bool:
        """Take in a profile; whether it says something new."""
        if profile.sealed or profile.profile_id in self._known:
            return False
        self._known.add(profile.profile_id)
        self.sources[REST if profile.source == REST else STREAM].add(profile)
        return True


def _psi_course(course: Timeline[Comparison]) -> list[tuple[int, float]]:
    found = [(slot.to_ms, psi_of(slot.value)) for slot in course.slots if slot.value.count >= LEAST_VALUES]
    return [(at, psi) for at, psi in found if psi is not None]
