"""One model's label time: rows in, and what follows from them, each step in one transaction.

The states: *reading* (the next commit's newly labelled rows are scored and taken), *unsaved* (what they led to waits
for the database, or for another run to end) and *awaiting* (a fit or a mixture that was asked for has not ended:
nothing is read).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from opentelemetry.trace import Tracer

from tidemill.clock import Clock
from tidemill.contracts.events.platform import ModelVersion, RetrainRequest
from tidemill.contracts.model_file import ModelSpec
from tidemill.service.footprint import give_back
from tidemill_learning.label_time.fit_schedule import budget_of
from tidemill_learning.label_time.loop import Changed, Decision, FitDue, LabelTime, MixDue
from tidemill_learning.label_time.pool import Takeover
from tidemill_learning.label_time.probation import BornBad
from tidemill_trainer import metrics
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.assess.answers import Versions
from tidemill_trainer.assess.joined import in_label_time, newly_labelled
from tidemill_trainer.assess.spans import traceparent_of
from tidemill_trainer.assess.state import Fit, Kept, LabelTimeStore, Moved, OpenTakeover
from tidemill_trainer.assess.table_steps import FilesGone, Step, TableSteps
from tidemill_trainer.assess.words import alarm, event_of, mixture_request, request_of, takeover_of

_log = logging.getLogger(__name__)

KEEP_EVERY = 20
"""Commits without a labelled row after which the position is written all the same; one that takes files away counts
as so many, so that whoever wants to vacuum them sees that they are not needed here.
"""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is left of a commit."""

    version: int
    table: pa.Table
    took_away: bool


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """A step that was made and is not written yet."""

    kept: Kept
    takeovers: tuple[OpenTakeover, ...] = ()
    request: RetrainRequest | None = None
    traceparent: bytes | None = None
    alarms: tuple[Changed | BornBad, ...] = ()
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentContext:
    """What a model's assessment works with. `published`: what serves now; `has_version`: whether any was ever made."""

    spec: ModelSpec
    steps: TableSteps
    versions: Versions
    store: LabelTimeStore
    admission: Admission
    published: Callable[[str], ModelVersion | None]
    has_version: Callable[[str], bool]
    clock: Clock
    tracer: Tracer


class Assessment:
    """One model. Not thread-safe."""

    def __init__(self, context: AssessmentContext) -> None:
        self._spec = context.spec
        self._steps = context.steps
        self._versions = context.versions
        self._store = context.store
        self._admission = context.admission
        self._published = context.published
        self._has_version = context.has_version
        self._clock = context.clock
        self._tracer = context.tracer
        self._forget()

    @property
    def model(self) -> str:
        """Its name."""
        return self._spec.name

    def recover(self) -> None:
        """After a failure: a step that was made is written again, and else it goes on from what is written."""
        if self._unsaved is None:
            self._forget()

    def _forget(self) -> None:
        self._kept: Kept | None = None
        self._loop: LabelTime | None = None
        self._rows: _Rows | None = None
        self._unsaved: _Unsaved | None = None

    def turn(self) -> bool:
        """Make one step; gives whether there may be another one at once. Raises `RetryLater`: then it is made again."""
        if self._unsaved is not None:
            return self._save(self._unsaved)
        kept, loop = self._loaded()
        if loop.awaits and self._take_run(kept, loop):  # before its release: a first version says more than who serves
            return True
        return self._follow_released(kept, loop) or (not loop.awaits and self._read(kept, loop))

    def _loaded(self) -> tuple[Kept, LabelTime]:
        if self._kept is None or self._loop is None:
            self._kept = self._store.load(self.model) or self._begun()
            self._loop = self._label_time(self._kept)
            self._show(self._loop)
        return self._kept, self._loop

    def _label_time(self, kept: Kept | None) -> LabelTime:
        state = kept.state if kept is not None else None
        return LabelTime(self._spec.target.task, self._spec.training.first_after, budget_of(self._spec), state)

    def _begun(self) -> Kept:
        """A model without a version is assessed from its first row on; another from now on: its versions have learned
        what is there.
        """
        fresh = self._published(self.model) is None and not self._has_version(self.model)
        newest = -1 if fresh else self._steps.newest()
        at = -1 if newest is None else newest
        _log.info("label time of %s begins at version %d of its table", self.model, at)
        return self._store.begin(Kept(self.model, self._label_time(None).to_state(), at))

    def _follow_released(self, kept: Kept, loop: LabelTime) -> bool:
        """What serves by somebody else's decision, a person's or a trial's, serves in label time. A version that took
        over in label time, and has not been dealt with by *release* or is on trial, serves there already.
        """
        if self._store.open_takeovers(self.model):
            return False
        current = self._published(self.model)
        if current is None or current.champion.version == loop.champion:
            return False
        if current.challenger is not None and current.challenger.version == loop.champion:
            return False
        _log.info("%s: version %d serves now in label time, too", self.model, current.champion.version)
        loop.crown(current.champion.version, self._versions.members(current.champion.version))
        request_id = kept.request_id
        if loop.mix_due is not None:  # it has proved better than another version than this one
            loop.unmixed()
            request_id = None
        return self._save(_Unsaved(replace(kept, state=loop.to_state(), request_id=request_id)))

    def _take_run(self, kept: Kept, loop: LabelTime) -> bool:
        """Go on if the run that was asked for has ended, with the version that it made, if any."""
        fit = self._store.fit(kept.request_id or "")
        if fit is not None and fit.open:
            metrics.LABEL_TIME_WAITS.labels(self.model).set(1)
            self._fall_behind(kept.table_version)
            return False
        took = [self._mixture(loop, fit) if loop.mix_due is not None else self._fitted(loop, fit)]
        metrics.LABEL_TIME_WAITS.labels(self.model).set(0)
        moved = replace(kept, state=loop.to_state(), request_id=None)
        return self._save(_Unsaved(moved, self._takeovers(moved, took)))

    def _fitted(self, loop: LabelTime, fit: Fit | None) -> Takeover | None:
        if fit is not None and fit.state == "finished" and fit.version is not None:
            return loop.fitted(fit.version, fit.against(loop.champion), (fit.contest or {}).get("spread"))
        _log.info("%s: the fit that was due gave no version: %s", self.model, fit.reason if fit else "no run")
        loop.unfitted()
        return None

    def _mixture(self, loop: LabelTime, run: Fit | None) -> Takeover | None:
        """The mixture that was due takes over where it has become a version; what serves serves on where it has not."""
        if run is not None and run.state == "finished" and run.version is not None:
            metrics.MIXTURES.labels(self.model, "made").inc()
            return loop.mixed(run.version)
        metrics.MIXTURES.labels(self.model, "failed").inc()
        _log.error("%s: the mixture that was due was not made: %s", self.model, run.reason if run else "no run")
        loop.unmixed()
        return None

    def _read(self, kept: Kept, loop: LabelTime) -> bool:
        rows = self._rows
        if rows is None:
            step = self._steps.after(kept.table_version)
            if step is None:
                metrics.LABEL_TIME_BEHIND.labels(self.model).set(0)
                return False
            rows = self._rows = self._rows_of(step, kept, loop)
        self._fall_behind(rows.version)
        return self._learn(kept, loop, rows)

    def _rows_of(self, step: Step, kept: Kept, loop: LabelTime) -> _Rows:
        """Where vacuum was faster, what is in the table now is not assessed, unless a model without a version has taken
        nothing yet.
        """
        features = {one.name: one for one in (*self._versions.features(loop.versions), *self._spec.features)}
        try:
            found = newly_labelled(step, list(features.values())).slice(kept.taken)
        except FilesGone:
            fresh = loop.champion is None and not kept.taken and not kept.state["labels"]
            step = self._steps.over(-1 if fresh else max(kept.table_version, 0))
            found = newly_labelled(step, list(features.values()))
        return _Rows(step.version, found, step.took_away)

    def _fall_behind(self, at: int) -> None:
        newest = self._steps.newest()
        metrics.LABEL_TIME_BEHIND.labels(self.model).set(0 if newest is None else max(0, newest - at))

    def _learn(self, kept: Kept, loop: LabelTime, rows: _Rows) -> bool:
        decisions: Sequence[Decision] = ()
        taken, count = 0, rows.table.num_rows
        if count:
            labelled = in_label_time(rows.table, self._spec)
            answers = self._versions.answers(rows.table, labelled.target, loop.versions, loop.champion)
            taken, decisions = loop.learn(labelled, answers)
            give_back()
        at_end = taken == count
        self._rows = None  # versions that come may read other columns
        moved = replace(
            kept, state=loop.to_state(), table_version=rows.version if at_end else kept.table_version,
            taken=0 if at_end else kept.taken + taken,
        )  # fmt: skip
        if not count and rows.version % KEEP_EVERY and not rows.took_away:
            self._kept = moved
            return True
        return self._decided(moved, loop, decisions, taken)

    def _decided(self, moved: Kept, loop: LabelTime, decisions: Sequence[Decision], rows: int) -> bool:
        alarms = tuple(one for one in decisions if isinstance(one, Changed | BornBad))
        took = self._takeovers(moved, [one for one in decisions if isinstance(one, Takeover)])
        due = next((one for one in decisions if isinstance(one, FitDue | MixDue)), None)
        if due is None:
            return self._save(_Unsaved(moved, took, alarms=alarms, rows=rows))
        if isinstance(due, MixDue):
            request = mixture_request(self.model, due, self._clock.now_ms())
            moved = replace(moved, request_id=request.request_id)
            return self._save(_Unsaved(moved, took, request, alarms=alarms, rows=rows))
        if due.cause != "first_data" and "quality" not in self._spec.retrain.on:
            loop.unfitted()  # the model file wants no fits of its own accord
            return self._save(_Unsaved(replace(moved, state=loop.to_state()), took, alarms=alarms, rows=rows))
        request = request_of(self.model, due, self._spec.training.first_after, self._clock.now_ms())
        traceparent = traceparent_of(self._tracer, self.model, due, self._steps)
        moved = replace(moved, request_id=request.request_id)
        return self._save(_Unsaved(moved, took, request, traceparent, alarms, rows))

    def _takeovers(self, at: Kept, took: Sequence[Takeover | None]) -> tuple[OpenTakeover, ...]:
        label = int(at.state["labels"])
        found = (takeover_of(self.model, one, label, number) for number, one in enumerate(took) if one is not None)
        return tuple(one for one in found if one is not None)

    def _save(self, made: _Unsaved) -> bool:
        """Write a step and what it asks for, all or nothing, then tell of it."""
        self._unsaved = made
        try:
            self._kept = self._written(made)
        except Moved:
            self._forget()
            raise
        self._unsaved = None
        self._tell(made)
        return True

    def _written(self, made: _Unsaved) -> Kept:
        found = [event_of(self.model, one) for one in made.alarms]
        if made.request is None:
            return self._store.keep(made.kept, made.takeovers, found)
        written: list[Kept] = []
        self._admission.ask_for_fit(
            made.request,
            lambda connection: written.append(self._store.keep_in(connection, made.kept, made.takeovers, found)),
            made.traceparent,
        )
        return written[-1]

    def _show(self, loop: LabelTime) -> None:
        """What alerts look at; a model file that wants no fits of label time's own accord waits for none."""
        wanted = loop.champion is None or "quality" in self._spec.retrain.on
        metrics.BORN_BAD.labels(self.model).set(loop.born_bad)
        metrics.LABEL_TIME_FITS_LEFT.labels(self.model).set(loop.fits_left)
        metrics.LABEL_TIME_HELD_BACK.labels(self.model).set(wanted and loop.held_back)
        metrics.LABEL_TIME_UNANSWERED.labels(self.model).set(wanted and loop.unanswered)

    def _tell(self, made: _Unsaved) -> None:
        if self._loop is not None:
            self._show(self._loop)
        metrics.LABELS_ASSESSED.labels(self.model).inc(made.rows)
        for found in made.alarms:
            metrics.LABEL_TIME_ALARMS.labels(self.model).inc(isinstance(found, Changed))
            _log.error("%s", alarm(self.model, found), extra={"model_version": f"{self.model}:{found.version}"})
        for one in made.takeovers:
            metrics.TAKEOVERS.labels(self.model).inc()
            _log.warning("%s takes over in label time: %s", self.model, one.reason)
