"""Since when the stream tells of another world, and which versions answer together, as requests and runs carry it."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.contracts.events.datum import Datum, Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOffset(Datum):
    """The first offset of a partition after a change."""

    topic: str
    partition: int
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint(Datum):
    """A change, and how sure its place is: `earliest` to `latest` (about 95 %). `before`, `after`: mean surprise, in
    [0, 1] (0.5: as promised), of the version that served, on either side.
    """

    event_time: Millis
    earliest: Millis
    latest: Millis
    before: float
    after: float
    offsets: tuple[FirstOffset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureShare(Datum):
    """A version in a mixture, and the share that its scores have."""

    version: int
    weight: float
