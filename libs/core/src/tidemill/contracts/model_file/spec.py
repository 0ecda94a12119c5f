"""What a model file says, as frozen types.

Durations are event time, but for `Training.budget`, `Release.hold` and `ReleaseLimits.p95`, which are the wall's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["category", "number", "time"]
Part = Literal["hour", "weekday", "month"]
Missing = Literal["median", "zero"]
Severity = Literal["critical", "warning", "info"]
Mode = Literal["direct", "shadow", "canary", "blue_green", "ab"]
Watch = Literal["features", "predictions", "quality"]
RetrainOn = Literal["drift", "quality"]
StepKind = Literal["trim", "lower", "upper", "collapse", "linear", "map"]
PrivacyKind = Literal["drop", "hash", "mask"]
SourceFormat = Literal["avro", "json", "json-schema", "protobuf", "debezium"]
TimeUnit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where a field of the record stands in a foreign record: names from the outside in.

    `unit`: of a whole number that is a time, since the epoch; milliseconds where None.
    """

    path: tuple[str, ...]
    unit: TimeUnit | None = None

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class ExternalSource:
    """A topic of someone else's that a model reads, and how its records become the model's own.

    `topic`: its full name; the platform's prefix is not added. `fields`: where fields of the record stand; one that
    is not named stands under its own name. `event_id`, `event_time`, `key` (the entity): None as `fields` say, else
    a place: a path, `header:NAME`, `coordinates` (topic-partition-offset) or `record` (time or key of the record
    itself). `schema`: a file in `schemas/models/` with the producers' schema, where no registry has it. `message`:
    the Protobuf message in it.
    """

    topic: str
    format: SourceFormat
    event_id: str | None = None
    event_time: FieldPath | Literal["record"] | None = None
    key: str | None = None
    fields: Mapping[str, FieldPath] = field(default_factory=dict, hash=False)
    schema: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionCost:
    """What a wrong decision of a binary model costs, both in one unit: to say true where it is false, and false where
    it is true.
    """

    false_positive: float
    false_negative: float

    @property
    def bayes_threshold(self) -> float:
        """From which probability on `true` costs less, if probabilities mean what they say (Elkan: The foundations of
        cost-sensitive learning, IJCAI 2001).
        """
        largest = max(self.false_positive, self.false_negative)
        positive, negative = self.false_positive / largest, self.false_negative / largest
        return positive / (positive + negative)


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted. `delay`: how late labels usually are; `expires`: after which none is waited for.

    `source`: the topic of someone else's on which the labels are, None where they are pushed to the platform. `cost`:
    of wrong decisions, by which a binary model decides; None: it says true from a probability of one half on.
    """

    label: str
    task: Task
    delay: timedelta = timedelta(0)
    expires: timedelta = timedelta(days=30)
    source: ExternalSource | None = None
    cost: DecisionCost | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One field of the record that the model sees.

    `missing` says what stands for a number that is not there (None for other kinds: a missing category is
    a category of its own); `parts` and `zone` belong to time features: which parts of the clock and
    calendar, in which IANA zone.
    """

    name: str
    kind: Kind
    parts: tuple[Part, ...] = ()
    zone: str | None = None
    missing: Missing | None = None


@dataclass(frozen=True, slots=True)
class ExpectationSpec:
    """One expectation in Great Expectations' vocabulary.

    `kwargs` are its arguments (`column` among them) without `severity`, `within`, `over` and `mostly`. By
    row, only critical ones dead-letter; warning and info are counted. By window (`over` is set), nothing is
    dead-lettered: critical pauses the validator, warning warns, info is counted. `within` belongs to
    uniqueness: how far back in event time a repeat is looked for. `mostly`: the share of values that must
    meet a rule about rows, which makes it one by window.
    """

    name: str
    kwargs: Mapping[str, Any] = field(hash=False)
    severity: Severity = "critical"
    within: timedelta | None = None
    over: timedelta | None = None
    mostly: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The record's fields that it is about, in the order of its arguments; none where it is about all."""
        single = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return (*single, *self.kwargs.get("column_list", ()), *self.kwargs.get("column_set", ()))

    @property
    def column(self) -> str:
        """The first of its fields; empty where it is about all."""
        return next(iter(self.columns), "")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of `normalise`.

    trim, lower, upper and collapse are for text. linear: value * factor + offset. map: a category to another
    or to null; with `closed`, one that is not in `mapping` becomes `other`, else it stays.
    """

    kind: StepKind | str
    factor: float = 1.0
    offset: float = 0.0
    mapping: tuple[tuple[str, str | None], ...] = ()
    other: str | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class PrivacyRule:
    """What becomes of a personal field on its way to clean.

    drop: null, or the zero of its type; hash: HMAC-SHA-256 under the platform's key; mask: all characters but
    the last `keep_last` become asterisks.
    """

    kind: PrivacyKind
    keep_last: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """When a new version may serve: at least this good (None: no floor), and better than the champion by
    so much.
    """

    at_least: float | None = None
    better_by: float = 0.0


@dataclass(frozen=True, slots=True)
class Training:
    """How a version is made.

    `first_after` and `newest` count labelled rows; `split` is train, validation, test in percent. `class_weights`: how
    much a row of each class counts when it is learned from, 1 where a class is not named; balanced: all classes alike.
    """

    metric: str
    candidates: tuple[str, ...]
    first_after: int = 5_000
    newest: int = 200_000
    split: tuple[int, int, int] = (70, 15, 15)
    budget: timedelta = timedelta(seconds=60)
    gate: Gate = Gate()
    seed: int = 0
    class_weights: Literal["balanced"] | tuple[tuple[str, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class ReleaseLimits:
    """What a challenger may do. `errors`: share of records without an answer; `p95`: of one scoring call;
    `shift`: largest distance (Kolmogorov, Smirnov) of its scores' distribution from the champion's and from its own
    before it served, whichever is nearer.
    """

    errors: float = 0.001
    p95: timedelta = timedelta(milliseconds=500)
    shift: float = 0.5


@dataclass(frozen=True, slots=True)
class Release:
    """How a new version takes over.

    `stages`: the challenger's shares, rising; `hold`: how long each lasts at least, in wall-clock time;
    `approval`: a person must let the challenger answer at all; `labels`: so many are compared at most before the
    end, unless a loss of two points is ruled out earlier.
    """

    mode: Mode = "direct"
    stages: tuple[float, ...] = (0.05, 0.5, 1.0)
    hold: timedelta = timedelta(minutes=10)
    approval: bool = False
    labels: int = 50_000
    limits: ReleaseLimits = ReleaseLimits()


@dataclass(frozen=True, slots=True)
class Drift:
    """What is watched. `window`: so many events of a partition, or so much of its event time."""

    window: int | timedelta = 5_000
    watch: tuple[Watch, ...] = ("features", "predictions", "quality")


@dataclass(frozen=True, slots=True)
class Retrain:
    """When a new version is wanted.

    `drift` stands for changed features and predictions, `quality` for more errors: without it label time asks for the
    first version alone. `at_most`: runs that others than label time ask for, in a stretch of event time; `fits`: those
    of label time, in so many labelled rows (both stand under `at_most` in the file). `mixtures`: of several versions
    that answer together, in so many labelled rows; 0 of them: each version answers alone.
    """

    on: tuple[RetrainOn, ...] = ("drift", "quality")
    cooldown: timedelta = timedelta(hours=12)
    at_most: tuple[int, timedelta] | None = None
    fits: tuple[int, int] = (15, 40_000)
    mixtures: tuple[int, int] = (0, 1)
    every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model file stands, and where in it each dotted key does: line and column, both from 1."""

    file: Path
    positions: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    `schema_file` is relative to `schemas/models/`; `entity`, `event_id`, `event_time` and feature names
    are fields. `events`: the topic of someone else's on which the events are (`source:` in the file). `unique`: an
    event id that comes again is set aside, though no expectation says so. `rows_kept`: how old a row of the training
    table grows by its event's time (`retention.rows` in the file); None: for ever.
    """

    name: str
    schema_file: str
    entity: str
    event_time: str
    target: Target
    features: tuple[Feature, ...]
    training: Training
    event_id: str = "event_id"
    unique: bool = True
    description: str = ""
    owner: str = ""
    expectations: tuple[ExpectationSpec, ...] = ()
    normalise: Mapping[str, tuple[Step, ...]] = field(default_factory=dict, hash=False)
    privacy: Mapping[str, PrivacyRule] = field(default_factory=dict, hash=False)
    release: Release = Release()
    drift: Drift = Drift()
    retrain: Retrain = Retrain()
    events: ExternalSource | None = None
    rows_kept: timedelta | None = None
    source: Source | None = field(default=None, compare=False, repr=False)

    def external(self, role: str) -> ExternalSource | None:
        """The topic of someone else's that stands in a role (raw, labels_raw); None where it is the platform's."""
        return {"raw": self.events, "labels_raw": self.target.source}.get(role)
