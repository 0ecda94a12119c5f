"""Whether a process keeps its size: robust figures of what was seen of one incarnation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

WARM_S = 180.0
"""What a process loads, compiles and fills in its first minutes is no leak."""
LEAST_S = 420.0
"""A slope over less is mostly the allocator's mood: it is printed and not judged."""
BUCKET_S = 10.0
LIMIT_MB_PER_MIN = 1.0
FLAT = {"handles": 5, "threads": 2}
"""So many more in the last third than in the first, medians of both, are connections that come and go."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds since the process began; resident MiB, open file handles, threads. `readers`: threads of Tokio, on which
    deltalake reads and writes files: as many as files at once, gone again after ten idle seconds. They are told and not
    judged; what they hold is in the memory, which is.
    """

    at_s: float
    rss_mb: float
    handles: int
    threads: int
    readers: int = 0


@dataclass
class Incarnation:
    """One process from its start to its end."""

    name: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    def warm(self, warm_s: float) -> list[Sample]:
        return [sample for sample in self.samples if sample.at_s >= warm_s]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`seconds` after warming up; `judged`: they are enough for the limits to count; `readers`: fewest and most."""

    name: str
    pid: int
    seconds: float
    rss_mb: float
    mb_per_min: float
    more_handles: float
    more_threads: float
    judged: bool
    readers: tuple[int, int] = (0, 0)

    @property
    def breaches(self) -> list[str]:
        """What is above its limit."""
        found = {
            f"{self.mb_per_min} MB/min (limit {LIMIT_MB_PER_MIN})": self.mb_per_min >= LIMIT_MB_PER_MIN,
            f"{self.more_handles:+g} file handles (limit {FLAT['handles']})": self.more_handles > FLAT["handles"],
            f"{self.more_threads:+g} threads (limit {FLAT['threads']})": self.more_threads > FLAT["threads"],
        }
        return [f"{self.name} ({self.pid}): {text}" for text, above in found.items() if above]


def verdict(one: Incarnation, warm_s: float = WARM_S, least_s: float = LEAST_S) -> Verdict | None:
    """None where hardly anything was seen after warming up."""
    warm = one.warm(warm_s)
    if len(warm) < 6:
        return None
    seconds = warm[-1].at_s - warm[0].at_s
    third = len(warm) // 3
    more = {
        name: median(getattr(s, name) for s in warm[-third:]) - median(getattr(s, name) for s in warm[:third])
        for name in FLAT
    }
    slope = theil_sen(buckets([(sample.at_s, sample.rss_mb) for sample in warm])) * 60
    return Verdict(
        one.name, one.pid, round(seconds), round(warm[-1].rss_mb, 1), round(slope, 2),
        more["handles"], more["threads"], seconds >= least_s,
        (min(sample.readers for sample in warm), max(sample.readers for sample in warm)),
    )  # fmt: skip


def buckets(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Medians of every ten seconds: a moment's peak counts for no more than its time."""
    by_bucket: dict[int, list[tuple[float, float]]] = {}
    for at, value in points:
        by_bucket.setdefault(int(at // BUCKET_S), []).append((at, value))
    return [(median(at for at, _ in some), median(value for _, value in some)) for some in by_bucket.values()]


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes of all pairs (Theil 1950, Sen 1968): almost a third of the points may lie anywhere."""
    slopes = [
        (later - value) / (then - at)
        for place, (at, value) in enumerate(points)
        for then, later in points[place + 1 :]
        if then > at
    ]
    return median(slopes) if slopes else 0.0
