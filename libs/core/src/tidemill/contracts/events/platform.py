"""The platform's own events as frozen types, one for each record in `schemas/`; a test proves them equal
field by field.

Times are ints, milliseconds since 1970-01-01 UTC. Labels and predictions are not here: they are handled in
columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tidemill.contracts.events.changes import ChangePoint, MixtureShare
from tidemill.contracts.events.datum import Datum, Millis

"""What Evidence.kind may be; a string in the schema, so that kinds can be added."""

Mode = Literal["direct", "shadow", "canary", "blue_green", "ab"]
Action = Literal["promoted", "rolled_back", "rejected", "started", "advanced", "approved", "refused"]
Cause = Literal["first_data", "drift", "prediction", "quality", "manual", "schedule"]
RunState = Literal["accepted", "refused", "started", "finished", "failed"]
Command = Literal["promote", "reject", "rollback", "approve"]
DriftKind = Literal["feature", "prediction", "quality"]
Failure = Literal["traffic_stopped", "labels_stopped", "join_rate_fell", "new_category", "new_class", "born_bad"]
"""What fails without an error anywhere."""
Arm = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Datum):
    """Why something was asked for or done: one finding and the limit that it was held against."""

    detector: str
    kind: str
    subject: str
    statistic: float
    threshold: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetRange(Datum):
    """A closed range of one partition's offsets: `first` and `last` both belong to it."""

    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet(Datum):
    """The rows that a version learned from: a Delta table's version and the offsets behind it. `change_point`: the
    change that they were taken for, where one is known; which of them were learned from is the manifest's `window`.
    """

    table_uri: str
    table_version: int
    offsets: tuple[OffsetRange, ...]
    change_point: ChangePoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef(Datum):
    """One trained version. `manifest_digest` is the SHA-256 of manifest.json's bytes, in hex."""

    version: int
    artifact_uri: str
    manifest_digest: str
    run_id: str
    tracking_run: str
    data_set: DataSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion(Datum):
    """What must serve now for one model.

    `start_offsets[p]` is the first offset to predict in clean partition p.
    """

    model: str
    epoch: int
    mode: Mode
    champion: ModelRef
    challenger: ModelRef | None = None
    challenger_share: float
    start_offsets: tuple[int, ...]
    published_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRelease(Datum):
    """One change of what serves, with its reasons.

    `published` is the record of the same transaction on model-versions.
    """

    release_id: str
    action: Action
    by: str
    reason: str
    evidence: tuple[Evidence, ...]
    published: ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRequest(Datum):
    """A new version is asked for. `fingerprint` is equal for requests about the same finding.

    `change_point`, `cut_off`: nothing from before or after them need be learned from.
    """

    request_id: str
    model: str
    cause: Cause
    evidence: tuple[Evidence, ...]
    fingerprint: str
    requested_by: str
    requested_at: Millis
    event_time: Millis
    change_point: ChangePoint | None = None
    cut_off: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRun(Datum):
    """What became of a request: one record for each state, `event_id` is `run_id/state`; and one for each reason
    to wait, with the time behind it. `outcome`: passed, undecided or failed, as the gate said. `mixture`: the versions
    that it puts together, None where it learns one.
    """

    event_id: str
    run_id: str
    request_id: str
    model: str
    cause: Cause
    state: RunState
    reason: str
    version: int | None = None
    artifact: ModelRef | None = None
    gate: tuple[Evidence, ...]
    metrics: Mapping[str, float] = field(hash=False)
    start_offsets: tuple[int, ...]
    at: Millis
    change_point: ChangePoint | None = None
    outcome: str | None = None
    mixture: tuple[MixtureShare, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCommand(Datum):
    """A person commands release."""

    command_id: str
    model: str
    action: Command
    version: int | None = None
    by: str
    reason: str
    at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvent(Datum):
    """A detector found that features, predictions or quality have changed, or (`failure`) that something has failed
    quietly.

    Readers drop a repeated `event_id`.
    """

    event_id: str
    model: str
    version: int
    kind: DriftKind
    detector: str
    subject: str
    statistic: float
    threshold: float
    window: int
    records: int
    started_at: Millis
    ended_at: Millis
    offsets: tuple[OffsetRange, ...]
    detail: str
    source: str | None = None
    failure: str | None = None
    """One of `Failure`; another one that a later release tells of is read all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPerformance(Datum):
    """How well one version answered in one window, on labels that have arrived.

    Readers drop a repeated `performance_id`.
    """

    performance_id: str
    model: str
    version: int
    arm: Arm
    window: int
    labels: int
    metrics: Mapping[str, float] = field(hash=False)
    reference: Mapping[str, float] = field(hash=False)
    started_at: Millis
    ended_at: Millis
    offsets: tuple[OffsetRange, ...]
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult(Datum):
    """How often one expectation was not met; `column` is empty where it is about the whole record.

    `examples` are offsets: no value of a record stands in a report.
    """

    expectation: str
    column: str
    failed: int
    arguments: str = ""
    severity: str = "critical"
    examples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch(Datum):
    """A `tidemill.stats.sketch.Sketch` as it is written."""

    accuracy: float
    level: int
    zeros: int
    positive_buckets: tuple[int, ...]
    positive_counts: tuple[int, ...]
    negative_buckets: tuple[int, ...]
    negative_counts: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSummary(Datum):
    """One column of a window, in sums that add up. `hashes`: the smallest hashes of its values (KMV)."""

    column: str
    count: int
    missing: int
    total: float
    low: float | None = None
    high: float | None = None
    sketch: Sketch | None = None
    hashes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MostlyCount(Datum):
    """How many values an expectation with `mostly` looked at, and how many broke it."""

    rule: str
    checked: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSummary(Datum):
    """What the clean rows of a report add to one window of event time."""

    over_ms: int
    started_at: Millis
    rows: int
    columns: tuple[ColumnSummary, ...]
    mostly: tuple[MostlyCount, ...]
    filled: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport(Datum):
    """What the validator found in a closed range of one partition's offsets. Counts and summaries add up.

    A large one is told in several parts, of which only the first counts rows.
    """

    report_id: str
    model: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    rows: int
    clean: int
    dead: int
    expectations: tuple[ExpectationResult, ...]
    windows: tuple[WindowSummary, ...] = ()
    newest_event: Millis | None = None
    at: Millis
