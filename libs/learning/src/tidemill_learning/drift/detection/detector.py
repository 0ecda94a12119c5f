"""The reduce half of drift detection: profiles of all partitions in, drift events, performance and retrain
requests out.

A pure state machine for one model. What comes out depends on the sequence of profiles and champions that it was given;
ids follow from model, version and window, so a repeat is the same event. State is versioned JSON, compressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidemill.contracts.events.platform import (
    DriftEvent,
    Evidence,
    Failure,
    ModelPerformance,
    ModelVersion,
    RetrainRequest,
)
from tidemill.contracts.events.profiles import ErrorProfile, Profile
from tidemill_learning.drift.detection.adding_up import enough
from tidemill_learning.drift.detection.asking import asks
from tidemill_learning.drift.detection.evidence import KINDS, TRACKS, Track, evidence, shifts, track_of
from tidemill_learning.drift.detection.ordering import Item, WindowOrder
from tidemill_learning.drift.detection.quality import QualityWatch
from tidemill_learning.drift.detection.reporting import Reporter
from tidemill_learning.drift.detection.season import Season
from tidemill_learning.drift.detection.shift_detectors import DetectorResult
from tidemill_learning.drift.detection.state import State, WatchedVersion, pack, unpack
from tidemill_learning.drift.detection.together import look
from tidemill_learning.drift.profiling.baseline import Baseline
from tidemill_learning.drift.quiet.watch import QuietWatch, seen

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

MOST_TRACES = 128
"""Trace contexts of profiles that an outcome is linked to: the newest of its track."""

Outcome = DriftEvent | ModelPerformance | RetrainRequest
_OUTCOMES: dict[str, Any] = {cls.__name__: cls for cls in (DriftEvent, ModelPerformance, RetrainRequest)}


class Detector:
    """One model's drift, over all partitions and versions. The stream and what REST clients ask are looked at each by
    itself, by the same rules (drift of features, scores and errors apart: Gama et al.: A Survey on Concept Drift
    Adaptation, ACM Computing Surveys 46, 2014).

    `spec`: what is watched and what asks for a retraining; `clean_topic`, `predictions_topic`: whose offsets the data
    sets of champions name; `state`: what `to_bytes` gave, None at first.

    Call `set_champion` for each champion (with its reference), `apply` for each profile in the order of the topic.
    Both give what is to be written; `last` gives the newest such outputs again, for a process that cannot
    know whether it wrote them. Raises ValueError for state of an unknown version.

    >>> from tidemill.contracts.events.platform import DataSet, ModelRef
    >>> from tidemill.contracts.events.profiles import FeatureProfile
    >>> from tidemill.contracts.model_file import Feature, ModelSpec, Target, Training
    >>> target, training = Target("repaid", "binary"), Training("roc_auc", ("logistic_regression",))
    >>> spec = ModelSpec("loan", "loan.avsc", "customer", "at", target, (Feature("region", "category"),), training)
    >>> learned = DataSet(table_uri="", table_version=0, offsets=())
    >>> first = ModelRef(
    ...     version=1, artifact_uri="", manifest_digest="", run_id="r", tracking_run="", data_set=learned)
    >>> serving = ModelVersion(
    ...     model="loan", epoch=1, mode="direct", champion=first, challenger=None, challenger_share=0.0,
    ...     start_offsets=(0,), published_at=0)
    >>> region = {"kind": "category", "counts": {"north": 900, "south": 100}, "other": 0}
    >>> detector = Detector(spec, "loan-clean")
    >>> detector.set_champion(serving, {"features": {"region": region}, "rows": 1_000, "metrics": {}})
    >>> moved = FeatureProfile(name="region", count=500, nulls=0, categories={"north": 100, "south": 400})
    >>> [(event.detector, event.subject) for event in detector.apply(Profile(
    ...     profile_id="p", model="loan", kind="features", partition=0, window=0, topic="loan-clean", first_offset=0,
    ...     last_offset=499, records=500, started_at=0, ended_at=1, features=(moved,)), now_ms=2)]
    [('psi', 'region')]
    """

    def __init__(
        self, spec: ModelSpec, clean_topic: str, state: bytes | None = None, predictions_topic: str = ""
    ) -> None:
        self._spec = spec
        self._topics = (clean_topic, predictions_topic)
        self._state = unpack(state) if state else State()
        orders = self._state.orders
        self._orders = {
            t.name: WindowOrder(orders.get(t.name), known_only=t.rest, waits=not t.rest or t.kind == "quality")
            for t in TRACKS
        }
        self._champion = WatchedVersion(**self._state.champion) if self._state.champion else None
        self._baseline: Baseline | None = None
        self._quality: dict[bool, QualityWatch] = {}
        self._quiet = QuietWatch(self._state.quiet)
        self._measured: list[tuple[str, DetectorResult]] = []

    @property
    def champion(self) -> WatchedVersion | None:
        """The version that is watched now."""
        return self._champion

    @property
    def last(self) -> list[Outcome]:
        """What the newest profile led to."""
        return [_OUTCOMES[name].from_dict({"source": None, **datum}) for name, datum in self._state.last]

    @property
    def last_traces(self) -> list[str]:
        """The trace contexts of the profiles that led to `last`."""
        return self._state.last_traces

    def to_bytes(self) -> bytes:
        """The state; `Detector(spec, topic, state)` and `set_champion` with the same champion go on from it."""
        self._state.quiet = self._quiet.to_state()
        self._state.orders = {name: order.to_state() for name, order in self._orders.items()}
        if self._quality:
            self._state.quality, self._state.rest_quality = (self._quality[r].to_state() for r in (False, True))
        return pack(self._state)

    def set_champion(self, published: ModelVersion, reference: Mapping[str, Any]) -> None:
        """Watch this champion. A version that was not watched before starts all detectors anew."""
        champion = WatchedVersion.of(published, *self._topics)
        same = self._champion is not None and self._champion.version == champion.version
        self._baseline = Baseline(reference)
        if not same:
            self._champion = champion
            self._state.champion = {name: getattr(champion, name) for name in WatchedVersion.__slots__}
            self._start_anew()
        if not same or not self._quality:
            task, states = self._spec.target.task, (self._state.quality, self._state.rest_quality)
            self._quality = {bool(k): QualityWatch(task, self._baseline, state) for k, state in enumerate(states)}

    def apply(self, profile: Profile, now_ms: int, traceparent: str | None = None) -> list[Outcome]:
        """Take in a profile; gives what follows from it. `now_ms` becomes `requested_at` of requests. `traceparent`:
        the trace context of the profile.
        """
        self._measured = []
        track = track_of(profile)
        order = self._orders[track.name]
        if order.is_anew(profile):
            self._forget_learned(track, str(profile.partition))
        if not order.is_new(profile):
            return []
        if self._champion is None or self._baseline is None:
            return []  # nothing to compare with yet
        if not profile.sealed:
            content = self._content(track, profile)
            quiet = seen(profile, self._baseline, learned=self._is_learned(track, profile))
            if content or quiet:
                also = {"quiet": quiet, "together": profile.together.to_dict() if profile.together else {}}
                order.hold(profile, content, traceparent, **{name: one for name, one in also.items() if one})
        outcomes: list[Outcome] = []
        for item in order.release(self._champion.partitions):
            outcomes += self._quiet_failures(track, item)
            if not item["content"]:
                continue
            group = self._state.groups.setdefault(track.name, [])
            group.append(item)
            if len(group) >= order.width(self._champion.partitions):
                self._state.groups[track.name] = []
                outcomes += self._look(track, group, now_ms)
        if outcomes:
            self._state.last = [[type(outcome).__name__, outcome.to_dict()] for outcome in outcomes]
            self._state.last_traces = list(self._state.traces.get(track.name, []))
        return outcomes

    @property
    def failing(self) -> dict[Failure, bool]:
        """Which quiet failures last, by what profiles tell."""
        return self._quiet.lasting

    @property
    def measured(self) -> Sequence[tuple[str, DetectorResult]]:
        """What was measured in the windows that the newest profile completed, with who had asked (stream, rest)."""
        return self._measured

    def _quiet_failures(self, track: Track, item: Item) -> list[Outcome]:
        assert self._baseline is not None
        found = self._quiet.take(item.pop("quiet", {}), track.source, item["partition"], self._baseline)
        return [self._reporter.failure(track, one, item) for one in found]

    def _start_anew(self) -> None:
        self._state.quality, self._state.rest_quality, self._state.alarms = {}, {}, {}
        self._state.windows, self._state.lasting, self._state.traces = {}, {}, {}
        self._state.short, self._state.season = {}, {}
        self._quiet.version_changed()
        for track in TRACKS:
            if track.kind != "quality":  # reduced against the old version's reference; labels are kept as they are
                self._orders[track.name].drop()
                self._state.groups[track.name] = []

    def _forget_learned(self, track: Track, partition: str) -> None:
        """Offsets of what the champion learned from are those of the topic that was there before."""
        if self._champion is not None and track.kind == "features":
            (self._champion.asked if track.rest else self._champion.learned).pop(partition, None)

    def _content(self, track: Track, profile: Profile) -> Any:
        """What is kept of a profile: little, for it waits in the state."""
        assert self._champion is not None and self._baseline is not None
        if track.kind == "quality":
            return [error.to_dict() for error in profile.errors]
        if track.kind == "predictions":
            ours = (track.source, self._champion.version, "champion")
            scores = [s for s in profile.scores if (s.source, s.version, s.arm) == ours]
            compared = self._baseline.scores(scores[0]) if scores else None
            return {} if compared is None else {"score": compared.to_state()}
        if self._is_learned(track, profile):
            return None
        return {name: c.to_state() for name, c in self._baseline.features(profile).items()}

    def _is_learned(self, track: Track, profile: Profile) -> bool:
        """Whether the version learned from these very rows."""
        assert self._champion is not None
        learned = self._champion.asked if track.rest else self._champion.learned
        return track.kind == "features" and profile.first_offset <= learned.get(str(profile.partition), -1)

    def _look(self, track: Track, group: Sequence[Item], now_ms: int) -> list[Outcome]:
        window = self._state.windows.get(track.name, 0)
        self._state.windows[track.name] = window + 1
        traces = [*self._state.traces.get(track.name, []), *(i["traceparent"] for i in group if "traceparent" in i)]
        self._state.traces[track.name] = traces[-MOST_TRACES:]
        if track.kind == "quality":
            errors = [ErrorProfile.from_dict(error) for item in group for error in item["content"]]
            outcomes: list[Outcome] = [*self._performance(track, errors, group, window)]
            results = self._errors(track, errors)
        else:
            group = [*self._state.short.pop(track.name, []), *group]
            if not enough(group):
                self._state.short[track.name] = group
                return []
            assert self._baseline is not None
            outcomes, results = [], shifts(KINDS[track.kind], group)
            results += look(self._baseline.document, [item["together"] for item in group if "together" in item])
            self._note_season(track, results, group)
        self._measured += [(track.source, result) for result in results]
        if track.kind not in self._spec.drift.watch or not results:
            return outcomes
        outcomes += self._raise(track, results, group, window)
        if any(result.alarm for result in results):
            outcomes += self._request(track, group, window, now_ms)
        return outcomes

    def _errors(self, track: Track, errors: Sequence[ErrorProfile]) -> list[DetectorResult]:
        assert self._champion is not None
        ours = (self._champion.version, "champion")
        mine = [error for error in errors if (error.version, error.arm) == ours]
        return self._quality[track.rest].look(mine) if mine else []

    def _performance(
        self, track: Track, errors: Sequence[ErrorProfile], group: Sequence[Item], window: int
    ) -> list[ModelPerformance]:
        assert self._baseline is not None
        task, reference = self._spec.target.task, self._baseline.metrics
        return self._reporter.performance(track, task, reference, errors, group, window)

    def _note_season(self, track: Track, results: Sequence[DetectorResult], group: Sequence[Item]) -> None:
        """How many windows in a row have moved, and not as the hour of the week lets expect."""
        if "quality" in self._spec.drift.watch or track.kind not in self._spec.drift.watch:
            return  # they ask for nothing
        season = Season(self._state.season.get(track.name))
        aligned = not isinstance(self._spec.drift.window, int)
        beyond = season.beyond(KINDS[track.kind], group, aligned=aligned)
        self._state.season[track.name] = season.to_state()
        moved = {f"{result.detector}/{result.subject}" for result in results if result.alarm} & beyond
        self._state.lasting[track.name] = self._state.lasting.get(track.name, 0) + 1 if moved else 0

    def _raise(
        self, track: Track, results: Sequence[DetectorResult], group: Sequence[Item], window: int
    ) -> list[Outcome]:
        """Drift events for alarms that were not there when it was last looked. What is not looked at in this window, as
        it needs more rows, stays as it was.
        """
        before = self._state.alarms.get(track.name, {})
        looked = {f"{f.detector}/{f.subject}" for f in results}
        alarms = {f"{f.detector}/{f.subject}": f for f in results if f.alarm}
        self._state.alarms[track.name] = {
            **{name: known for name, known in before.items() if name not in looked},
            **{name: evidence(result, track).to_dict() for name, result in alarms.items()},
        }
        return [
            self._reporter.event(track, f, group, window) for name, f in sorted(alarms.items()) if name not in before
        ]

    def _request(self, track: Track, group: Sequence[Item], window: int, now_ms: int) -> list[Outcome]:
        """Asks in every window in which the alarm lasts: whether it is too early is for admission to say."""
        lasting = self._state.lasting.get(track.name, 0)
        if not self._state.alarms.get(track.name) or not asks(self._spec, track, lasting):
            return []
        order = [track.name, *(other.name for other in TRACKS if other != track)]
        found = [Evidence(**e) for name in order for _, e in sorted(self._state.alarms.get(name, {}).items())]
        return [self._reporter.request(track, found, group, window, now_ms)]

    @property
    def _reporter(self) -> Reporter:
        assert self._champion is not None
        return Reporter(self._spec.name, self._champion.version, self._champion.epoch)
