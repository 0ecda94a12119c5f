"""The reduce half of drift detection: profiles of all partitions in, drift events, performance and retrain
requests out.

A pure state machine for one model. What comes out depends on the sequence of profiles and champions that it
was given; ids follow from model, version and window, so a repeat is the same event. State is versioned
JSON, compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidemill.contracts.events import (
    DriftEvent,
    Evidence,
    ModelPerformance,
    ModelVersion,
    OffsetRange,
    RetrainRequest,
)
from tidemill.ids import deterministic_id
from tidemill_learning.drift.baseline import Baseline, Comparison
from tidemill_learning.drift.findings import Finding, Kind, shift
from tidemill_learning.drift.ordering import Item, WindowOrder
from tidemill_learning.drift.quality import QualityWatch, Totals
from tidemill_learning.drift.state import Champion, State, pack, unpack

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

WATCHES = {"features": "feature", "predictions": "prediction", "quality": "quality"}
LASTING = 3
"""Windows in a row for which features must have moved before they ask for retraining by themselves."""

REQUESTED_BY = "drift"
Outcome = DriftEvent | ModelPerformance | RetrainRequest


class Detector:
    """One model's drift, over all partitions and versions.

    Call `crown` for each champion (with its reference), `apply` for each profile in the order of the topic.
    Both give what is to be written; `last` gives the newest such outputs again, for a process that cannot
    know whether it wrote them. Raises ValueError for state of an unknown version.
    """

    def __init__(self, spec: ModelSpec, clean_topic: str, state: bytes | None = None) -> None:
        self._spec = spec
        self._clean_topic = clean_topic
        self._state = unpack(state) if state else State()
        self._orders = {kind: WindowOrder(self._state.orders.get(kind)) for kind in WATCHES}
        self._champion = Champion(**self._state.champion) if self._state.champion else None
        self._baseline: Baseline | None = None
        self._quality: QualityWatch | None = None

    @property
    def champion(self) -> Champion | None:
        """The version that is watched now."""
        return self._champion

    @property
    def last(self) -> list[Outcome]:
        """What the newest profile led to."""
        return [_OUTCOMES[name].from_dict(datum) for name, datum in self._state.last]

    def to_bytes(self) -> bytes:
        """The state; `Detector(spec, topic, state)` and `crown` with the same champion go on from it."""
        self._state.orders = {kind: order.to_state() for kind, order in self._orders.items()}
        if self._quality is not None:
            self._state.quality = self._quality.to_state()
        return pack(self._state)

    def crown(self, published: ModelVersion, reference: Mapping[str, Any]) -> None:
        """Watch this champion. A version that was not watched before starts all detectors anew."""
        champion = Champion.of(published, self._clean_topic)
        same = self._champion is not None and self._champion.version == champion.version
        self._baseline = Baseline(reference)
        if not same:
            self._champion = champion
            self._state.champion = {name: getattr(champion, name) for name in Champion.__slots__}
            self._start_anew()
        if not same or self._quality is None:
            self._quality = QualityWatch(self._spec.target.task, self._baseline, self._state.quality)

    def apply(self, profile: Mapping[str, Any], now_ms: int) -> list[Outcome]:
        """Take in a profile; gives what follows from it. `now_ms` becomes `requested_at` of requests."""
        kind = profile["kind"]
        order = self._orders[kind]
        if not order.is_new(profile):
            return []
        if self._champion is None or self._baseline is None:
            return []  # nothing to compare with yet
        content = None if profile["sealed"] else self._content(profile)
        if content:
            order.hold(profile, content)
        outcomes: list[Outcome] = []
        for item in order.release(self._champion.partitions):
            group = self._state.groups.setdefault(kind, [])
            group.append(item)
            if len(group) >= self._champion.partitions:
                self._state.groups[kind] = []
                outcomes += self._look(kind, group, now_ms)
        if outcomes:
            self._state.last = [[type(outcome).__name__, outcome.to_dict()] for outcome in outcomes]
        return outcomes

    def _start_anew(self) -> None:
        self._state.quality, self._state.alarms = {}, {}
        self._state.windows, self._state.lasting = {}, {}
        for kind in (
            "features",
            "predictions",
        ):  # reduced against the old version's reference; labels are kept as they are
            self._orders[kind].drop()
            self._state.groups[kind] = []

    def _content(self, profile: Mapping[str, Any]) -> Any:
        """What is kept of a profile: little, for it waits in the state."""
        assert self._champion is not None and self._baseline is not None
        if profile["kind"] == "quality":
            return [dict(error) for error in profile["errors"]]
        if profile["kind"] == "predictions":
            ours = ("stream", self._champion.version, "champion")
            scores = [s for s in profile["scores"] if (s["source"], s["version"], s["arm"]) == ours]
            compared = self._baseline.scores(scores[0]) if scores else None
            return {} if compared is None else {"score": compared.to_state()}
        if profile["first_offset"] <= self._champion.learned.get(str(profile["partition"]), -1):
            return None  # it learned from these very rows
        return {name: c.to_state() for name, c in self._baseline.features(profile).items()}

    def _look(self, kind: str, group: Sequence[Item], now_ms: int) -> list[Outcome]:
        window = self._state.windows.get(kind, 0)
        self._state.windows[kind] = window + 1
        if kind == "quality":
            outcomes, findings = self._performance(group, window), self._errors(group)
        else:
            outcomes, findings = [], _shifts(WATCHES[kind], group)  # type: ignore[arg-type]
        if kind not in self._spec.drift.watch or not findings:
            return outcomes
        outcomes += self._raise(kind, findings, group, window)
        return outcomes + self._request(kind, group, window, now_ms)

    def _errors(self, group: Sequence[Item]) -> list[Finding]:
        assert self._champion is not None and self._quality is not None
        ours = (self._champion.version, "champion")
        errors = [e for item in group for e in item["content"] if (e["version"], e["arm"]) == ours]
        return self._quality.look(errors) if errors else []

    def _performance(self, group: Sequence[Item], window: int) -> list[Outcome]:
        errors = [error for item in group for error in item["content"]]
        keys = sorted({(error["version"], error["arm"]) for error in errors})
        return [
            self._measured(
                version, arm, [e for e in errors if (e["version"], e["arm"]) == (version, arm)], group, window
            )
            for version, arm in keys
        ]

    def _measured(
        self, version: int, arm: Any, errors: Iterable[Mapping[str, Any]], group: Sequence[Item], window: int
    ) -> ModelPerformance:
        assert self._champion is not None and self._baseline is not None
        totals = Totals(errors)
        ours = version == self._champion.version
        return ModelPerformance(
            performance_id=self._id("performance", version, arm, window),
            model=self._spec.name,
            version=version,
            arm=arm,
            window=window,
            labels=totals.count,
            metrics=totals.metrics(self._spec.target.task),
            reference=self._baseline.metrics if ours else {},
            **_extent(group),
        )

    def _raise(self, kind: str, findings: Sequence[Finding], group: Sequence[Item], window: int) -> list[Outcome]:
        """Drift events for alarms that were not there in the window before."""
        before = self._state.alarms.get(kind, {})
        alarms = {f"{f.detector}/{f.subject}": f for f in findings if f.alarm}
        self._state.alarms[kind] = {name: _evidence(finding).to_dict() for name, finding in alarms.items()}
        self._state.lasting[kind] = self._state.lasting.get(kind, 0) + 1 if alarms else 0
        return [self._event(f, group, window) for name, f in sorted(alarms.items()) if name not in before]

    def _event(self, finding: Finding, group: Sequence[Item], window: int) -> DriftEvent:
        assert self._champion is not None
        return DriftEvent(
            event_id=self._id("drift", finding.kind, finding.detector, finding.subject, window),
            model=self._spec.name,
            version=self._champion.version,
            kind=finding.kind,
            detector=finding.detector,
            subject=finding.subject,
            statistic=finding.statistic,
            threshold=finding.threshold,
            window=window,
            records=finding.records,
            detail=finding.detail,
            **_extent(group),
        )

    def _request(self, kind: str, group: Sequence[Item], window: int, now_ms: int) -> list[Outcome]:
        """Asks in every window in which the alarm lasts: whether it is too early is for the governor to
        say.
        """
        if not self._wanted(kind):
            return []
        assert self._champion is not None
        cause: Any = {"quality": "quality", "predictions": "prediction", "features": "drift"}[kind]
        request_id = self._id("retrain", cause, window)
        order = [kind, *(other for other in WATCHES if other != kind)]
        evidence = [Evidence(**e) for k in order for _, e in sorted(self._state.alarms.get(k, {}).items())]
        request = RetrainRequest(
            request_id=request_id,
            model=self._spec.name,
            cause=cause,
            evidence=tuple(evidence),
            fingerprint=request_id,
            requested_by=REQUESTED_BY,
            requested_at=now_ms,
            event_time=max(item["ended_at"] for item in group),
        )
        return [request]

    def _wanted(self, kind: str) -> bool:
        """Whether the alarms of this kind ask for retraining, as the model file says.

        Features that move are a reason only where nothing better is watched: weather moves every week, and
        a model that still ranks and calibrates well has nothing to learn from it. They are evidence all the
        same.
        """
        if not self._state.alarms.get(kind):
            return False
        if kind == "quality":
            return "quality" in self._spec.retrain.on
        if "drift" not in self._spec.retrain.on:
            return False
        alone = not {"predictions", "quality"} & set(self._spec.drift.watch)
        return kind == "predictions" or (alone and self._state.lasting[kind] >= LASTING)

    def _id(self, *parts: str | int) -> str:
        assert self._champion is not None
        return deterministic_id(self._spec.name, self._champion.version, self._champion.epoch, *parts)


_OUTCOMES: dict[str, Any] = {cls.__name__: cls for cls in (DriftEvent, ModelPerformance, RetrainRequest)}


def _shifts(kind: Kind, group: Sequence[Item]) -> list[Finding]:
    merged: dict[str, Comparison] = {}
    for item in group:
        for name, state in item["content"].items():
            compared = Comparison.from_state(state)
            merged[name] = merged[name] + compared if name in merged else compared
    return [finding for name in sorted(merged) for finding in shift(kind, name, merged[name])]


def _extent(group: Sequence[Item]) -> dict[str, Any]:
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


def _evidence(finding: Finding) -> Evidence:
    return Evidence(
        detector=finding.detector,
        kind=finding.kind,
        subject=finding.subject,
        statistic=finding.statistic,
        threshold=finding.threshold,
        detail=finding.detail,
    )
