"""From merged profiles to what is found in them, and from that to the evidence that is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.events.platform import Evidence, OffsetRange
from tidemill.contracts.events.profiles import ErrorProfile, Profile, ProfileKind
from tidemill_learning.drift.detection.ordering import Item
from tidemill_learning.drift.detection.shift_detectors import DetectorResult, Kind, shift
from tidemill_learning.drift.profiling.baseline import Comparison

KINDS: Mapping[ProfileKind, Kind] = {"features": "feature", "predictions": "prediction", "quality": "quality"}


@dataclass(frozen=True, slots=True)
class Track:
    """A track of profiles that is judged by itself: one kind of one source, the stream's or REST's."""

    kind: ProfileKind
    rest: bool = False

    @property
    def name(self) -> str:
        """Under which it stands in the state."""
        return f"rest/{self.kind}" if self.rest else self.kind

    @property
    def source(self) -> str:
        """As predictions name it."""
        return "rest" if self.rest else "stream"

    @property
    def id_parts(self) -> tuple[str, ...]:
        """What tells its ids from those of the stream."""
        return ("rest",) if self.rest else ()

    def said(self, detail: str) -> str:
        """A sentence for people, with where it was seen."""
        return f"over REST: {detail}" if self.rest else detail


TRACKS = tuple(Track(kind, rest) for rest in (False, True) for kind in KINDS)


def track_of(profile: Profile) -> Track:
    """The track of a profile."""
    return Track(profile.kind, profile.source == "rest")


def shifts(kind: Kind, group: Sequence[Item]) -> list[DetectorResult]:
    """What has moved in a merged window of features or predictions."""
    found = merged(group)
    return [result for name in sorted(found) for result in shift(kind, name, found[name])]


def merged(group: Sequence[Item]) -> dict[str, Comparison]:
    """A merged window's comparisons by subject."""
    found: dict[str, Comparison] = {}
    for item in group:
        for name, state in item["content"].items():
            compared = Comparison.from_state(state)
            found[name] = found[name] + compared if name in found else compared
    return found


def extent(group: Sequence[Item]) -> dict[str, Any]:
    """Where a merged window lies: the fields that events have of it."""
    offsets = [
        OffsetRange(
            topic=item["topic"],
            partition=item["partition"],
            first=item["first_offset"],
            last=item["last_offset"],
        )
        for item in sorted(group, key=lambda item: (item["partition"], item["first_offset"]))
    ]
    started, ended = min(item["started_at"] for item in group), max(item["ended_at"] for item in group)
    return {"started_at": started, "ended_at": ended, "offsets": tuple(offsets)}


def evidence(found: DetectorResult, track: Track) -> Evidence:
    """What a detector found, as evidence of a request."""
    return Evidence(
        detector=found.detector,
        kind=found.kind,
        subject=found.subject,
        statistic=found.statistic,
        threshold=found.threshold,
        detail=track.said(found.detail),
    )


def by_version(errors: Iterable[ErrorProfile]) -> dict[tuple[int, str], list[ErrorProfile]]:
    """Errors by version and arm, in their order."""
    found: dict[tuple[int, str], list[ErrorProfile]] = {}
    for error in errors:
        found.setdefault((error.version, error.arm), []).append(error)
    return {key: found[key] for key in sorted(found)}
