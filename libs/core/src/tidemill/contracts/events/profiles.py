"""What one window of one partition held, as `schemas/profile.avsc` writes it: sums and counts that add up over
partitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tidemill.contracts.events.datum import Datum, Millis
from tidemill.contracts.events.platform import Sketch

ProfileKind = Literal["features", "predictions", "quality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureProfile(Datum):
    """The values of one feature: of a number in a sketch, of a category by its most frequent values.

    `count`: values that are not null. `other`: those that are not among `categories`.
    """

    name: str
    count: int
    nulls: int
    sketch: Sketch | None = None
    categories: Mapping[str, int] = field(default_factory=dict)
    other: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreProfile(Datum):
    """What one version and arm predicted: probabilities in bins of log-odds, classes, or values in a sketch."""

    source: str
    version: int
    arm: str
    count: int
    bins: tuple[int, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    sketch: Sketch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBucket(Datum):
    """Sums over some labels in the order of their offsets, with y the outcome and p what the model expected.

    `outcome`: y. `expected`: p. `variance`: p(1 - p). `squared`: (y - p)^2. `absolute`: |y - p|. `spiegelhalter`:
    (1 - 2p)(y - p). `spiegelhalter_variance`: (1 - 2p)^2 p(1 - p). `log_loss`: -ln of the probability given to what
    happened. `wrong`: decisions. `until`: when the last label was observed.
    """

    count: int
    until: Millis
    outcome: float
    expected: float
    variance: float
    squared: float
    absolute: float
    spiegelhalter: float
    spiegelhalter_variance: float
    log_loss: float
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorProfile(Datum):
    """How wrong one version and arm was. `count`: labels that met a prediction of it, and are the first that do.
    `positives`, `negatives`: probabilities of true and of false labels, in bins of log-odds.
    """

    source: str
    version: int
    arm: str
    count: int
    buckets: tuple[ErrorBucket, ...]
    positives: tuple[int, ...] = ()
    negatives: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Datum):
    """What a challenger gained over its champion on labels that both were asked about, each from -1 to 1."""

    epoch: int
    champion: int
    challenger: int
    labels: int
    gains: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCorrelations(Datum):
    """How the features of a window hang together, over a sample of `rows` rows: Spearman's correlation of each pair of
    `features`, in ten-thousandths; those of the first feature with all after it, then those of the second, and so on.
    """

    rows: int
    features: tuple[str, ...]
    correlations: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Datum):
    """One window of one partition and kind. The same whenever it is made again, so `profile_id` tells repeats.

    A `sealed` one holds no window: it says that the partition has fallen idle. `source`: rest, or None for the stream.
    `topic_id`: of a topic that was made anew. `matched`: labels that met a prediction of this source; None in profiles
    from before it was counted, and of other kinds. `classes`: what these labels said, of a multiclass task.
    `together`: of kind features, how they hang together.
    """

    profile_id: str
    model: str
    partition: int
    kind: ProfileKind
    sealed: bool = False
    window: int
    topic: str
    first_offset: int
    last_offset: int
    records: int
    started_at: Millis
    ended_at: Millis
    features: tuple[FeatureProfile, ...] = ()
    scores: tuple[ScoreProfile, ...] = ()
    errors: tuple[ErrorProfile, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    source: str | None = None
    topic_id: str | None = None
    matched: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    together: RankCorrelations | None = None
