"""*train*: claims runs under a lease and has the training process do them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Span, Tracer

from tidemill.artifact import ArtifactError
from tidemill.artifact.place import check_place
from tidemill.artifact.staging import Staged, staged_in
from tidemill.contracts.events.platform import Evidence, ModelRef
from tidemill.errors import RetryLater
from tidemill.service import Heartbeat
from tidemill.service.patience import patiently
from tidemill_trainer import metrics
from tidemill_trainer.runs.spans import run_span
from tidemill_trainer.runs.store import Claim, LeaseLost, Outcome, RunStore
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.training.orders import Orders
from tidemill_trainer.training.process import ChildDied, Interrupted, TrainingChild

_log = logging.getLogger(__name__)

EXPORT_TIMEOUT_S = 120.0
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
"""Between two looks at a store that is full or away; doubled in between."""

GATE_SAYS = {"passed": "gate passed", "undecided": "gate undecided", "failed": "gate not passed"}
ALIAS_TIMEOUT_S = 120.0
ALIAS_REST_S = 60.0


class Refused(Exception):
    """The data do not allow this training: trying it again changes nothing."""


class StoreTrouble(Exception):
    """A store is full or away: it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerContext:
    """What the *train* thread works with. `orders` tell what serves now, once `champion_known` is set."""

    settings: TrainerSettings
    store: RunStore
    child: TrainingChild
    orders: Orders
    champion_known: threading.Event
    tracer: Tracer
    stop: threading.Event
    heartbeat: Heartbeat


class Trainer:
    """The loop of the *train* thread."""

    def __init__(self, context: TrainerContext) -> None:
        self._settings = context.settings
        self._store = context.store
        self._child = context.child
        self._orders = context.orders
        self._champion_known = context.champion_known
        self._tracer = context.tracer
        self._stop = context.stop
        self._heartbeat = context.heartbeat
        self._aliases: dict[str, int] = {}
        self._mlflow_rests_until = 0.0

    def run(self) -> None:
        """Work until stopped. A run that is under way then is given back."""
        try:
            while not self._stop.is_set():
                self._turn()
                self._heartbeat.beat()
        except Interrupted:
            _log.info("train stops")
        finally:
            self._child.end()

    def once(self, on_claim: Callable[[], None]) -> bool:
        """Claim what has waited longest, tell `on_claim`, do it; False where none waits. Raises what ends it."""
        try:
            self._child.ensure_ready()
            (claim,) = patiently(lambda: (self._store.claim(),), self._stop, "claiming a run") or (None,)
            if claim is not None:
                on_claim()
                self._work(claim)
            self._reconcile()
            return claim is not None
        finally:
            self._child.end()

    def _turn(self) -> None:
        try:
            self._child.ensure_ready()
            if not self._champion_known.wait(self._settings.poll_s):
                return
            claim = self._store.claim()
            if claim is None:
                self._reconcile()
                self._stop.wait(self._settings.poll_s)
                return
            self._work(claim)
        except (RetryLater, ChildDied, LeaseLost) as error:
            _log.warning("train tries again: %s", error)
            self._stop.wait(1.0)

    def _work(self, claim: Claim) -> None:
        _log.info("run %s for %s begins (%s, attempt %d)", claim.run_id, claim.model, claim.cause, claim.attempt)
        with run_span(self._tracer, claim) as (span, claim), metrics.TRAIN_SECONDS.labels(claim.model).time():
            try:
                staged = staged_in(claim.evidence)
                outcome = self._made(claim, staged, span)
                self._store.finish(claim, outcome)
            except Refused as error:
                self._store.fail(claim, str(error))
                metrics.RUNS.labels(claim.model, "failed").inc()
                _log.warning("run %s has failed: %s", claim.run_id, error)
                return
            except Interrupted:
                self._store.give_back(claim)
                raise
            except (ChildDied, RetryLater) as error:
                self._store.retry(claim, str(error))
                raise
            finally:
                metrics.WAITS_FOR_STORE.labels(claim.model).set(0)
        metrics.RUNS.labels(claim.model, "finished").inc()
        for name in (name for name in outcome.metrics if "." not in name):  # the others are of the gate's rows
            metrics.SCORE.labels(claim.model, name).set(outcome.metrics[name])
        _log.info("run %s has finished: version %s; %s", claim.run_id, outcome.version, outcome.reason)

    def _made(self, claim: Claim, staged: Staged | None, span: Span) -> Outcome:
        if claim.mixture:
            return self._composed(claim)
        return self._imported(claim, staged) if staged else self._trained(claim, span)

    def _composed(self, claim: Claim) -> Outcome:
        """A mixture of versions that are there: nothing is learned; label time has proved it better."""
        try:
            parts = self._orders.parts(claim)
        except LookupError as error:
            raise Refused(str(error)) from error
        version = self._store.version_of(claim)
        order = {**self._orders.of(claim), "do": "compose", "parts": parts, "version": version}
        made = self._patiently(claim, order, self._settings.train_timeout_s)
        gate = tuple(Evidence.from_dict(item) for item in made["gate"])
        starts, reference = tuple(made["start_offsets"]), ModelRef.from_dict(made["artifact"])
        return Outcome(made["reason"], gate, made["metrics"], starts, version, reference, "passed")

    def _trained(self, claim: Claim, span: Span) -> Outcome:
        trained = self._patiently(claim, self._orders.of(claim), self._settings.train_timeout_s)
        metrics.CHAMPION_UNREADABLE.labels(claim.model).set(1 if trained["champion_unreadable"] else 0)
        for name, value in _facts(trained).items():
            span.set_attribute(name, value)
        return self._outcome(claim, trained)

    def _imported(self, claim: Claim, staged: Staged) -> Outcome:
        """A model that was trained elsewhere: nothing is learned and nobody beaten, but everything is verified."""
        version = self._store.version_of(claim)
        order = {
            "do": "import", "model": claim.model, "run_id": claim.run_id, "version": version,
            "uri": staged.uri, "digest": staged.digest,
        }  # fmt: skip
        imported = self._patiently(claim, order, EXPORT_TIMEOUT_S)
        gate = tuple(Evidence.from_dict(item) for item in imported["gate"])
        reference = ModelRef.from_dict(imported["artifact"])
        return Outcome("imported", gate, {}, tuple(imported["start_offsets"]), version, reference, "passed")

    def _outcome(self, claim: Claim, trained: Mapping[str, Any]) -> Outcome:
        gate = tuple(Evidence.from_dict(item) for item in trained["gate"])
        starts, outcome = tuple(trained["start_offsets"]), _gate_outcome(claim, trained)
        reason = f"{GATE_SAYS[outcome]}: {trained['reason']}"
        if outcome == "failed":
            return Outcome(reason, gate, trained["metrics"], starts, outcome=outcome)
        version = self._store.version_of(claim)
        exported = self._patiently(claim, {"do": "export", "version": version}, EXPORT_TIMEOUT_S)
        reference = ModelRef.from_dict(exported["artifact"])
        contest = trained.get("contest")
        return Outcome(reason, gate, trained["metrics"], starts, version, reference, outcome, contest)

    def _patiently(self, claim: Claim, order: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Have an order done, and again while a store is full or away: what was trained is kept meanwhile, the run says
        what it waits for, and the wait is bounded. Raises `Refused` when it has been too long.
        """
        deadline, delay = time.monotonic() + self._settings.store_wait_s, FIRST_WAIT_S
        while True:
            try:
                return self._ordered(claim, order, timeout_s)
            except StoreTrouble as error:
                if time.monotonic() + delay > deadline:
                    raise Refused(f"waited {self._settings.store_wait_s:.0f} s for a store: {error}") from error
                _log.warning("run %s for %s waits for a store: %s", claim.run_id, claim.model, error)
                metrics.WAITS_FOR_STORE.labels(claim.model).set(1)
                self._store.waits(claim, f"waits for a store, and goes on when it can: {error}")
                self._pause(claim, delay)
                delay = min(LONGEST_WAIT_S, 2 * delay)

    def _pause(self, claim: Claim, seconds: float) -> None:
        """Wait with the lease kept alive. Raises `Interrupted`."""
        ends, alive = time.monotonic() + seconds, _every(self._settings.lease_s / 3, lambda: self._alive(claim))
        while (left := ends - time.monotonic()) > 0:
            if self._stop.wait(min(left, self._settings.poll_s)):
                raise Interrupted("the trainer shuts down")
            self._heartbeat.beat()
            alive()

    def _ordered(self, claim: Claim, order: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Have an order done, with the lease kept alive meanwhile."""
        answer = self._child.order(order, timeout_s, _every(self._settings.lease_s / 3, lambda: self._alive(claim)))
        if answer["ok"]:
            metrics.WAITS_FOR_STORE.labels(claim.model).set(0)
            return answer
        if answer["kind"] == "store":
            raise StoreTrouble(answer["error"])
        raise Refused(answer["error"])

    def _alive(self, claim: Claim) -> None:
        self._heartbeat.beat()
        self._store.extend(claim)

    def _reconcile(self) -> None:
        """Let MLflow follow what is released; at the start too, for a crash may have come between. Where that fails
        it is done again after a while, and nothing else waits for it.
        """
        if time.monotonic() < self._mlflow_rests_until:
            return
        for model in list(self._orders.places):
            serving = self._orders.champion(model)
            if serving is None or self._aliases.get(model) == serving.epoch:
                continue
            arms = {"champion": serving.champion, "challenger": serving.challenger}
            named = {alias: _registered(reference) for alias, reference in arms.items() if reference is not None}
            try:
                for arm in named.values():
                    check_place(arm["artifact_uri"], self._settings.artifacts, model)
            except ArtifactError as error:
                _log.error("MLflow is not told of what model-versions says of %s: %s", model, error)
                self._aliases[model] = serving.epoch
                continue
            self._mlflow_rests_until = time.monotonic() + ALIAS_REST_S
            answer = self._child.order(
                {"do": "aliases", "model": model, "arms": named}, ALIAS_TIMEOUT_S, self._heartbeat.beat
            )
            if answer["ok"]:
                self._mlflow_rests_until = 0.0
                self._aliases[model] = serving.epoch
                _log.info("MLflow's aliases of %s: champion names version %d", model, serving.champion.version)
            else:
                _log.warning(
                    "MLflow's aliases of %s could not be set, which is tried again: %s", model, answer["error"]
                )
                return


def _gate_outcome(claim: Claim, trained: Mapping[str, Any]) -> str:
    """Only a fit of label time may be undecided: labels go on to decide then. Else the model file's gate decides."""
    outcome = str(trained["outcome"])
    return "passed" if outcome == "undecided" and claim.cut_off is None else outcome


def _registered(reference: ModelRef) -> dict[str, Any]:
    return {
        "version": reference.version,
        "artifact_uri": reference.artifact_uri,
        "manifest_digest": reference.manifest_digest,
    }


def _facts(trained: Mapping[str, Any]) -> dict[str, Any]:
    data_set = trained["data_set"]
    offsets = [f"{one['topic']}/{one['partition']}:{one['first']}-{one['last']}" for one in data_set["offsets"]]
    return {
        "tidemill.candidate": trained["candidate"],
        "tidemill.data_set.table": data_set["table_uri"],
        "tidemill.data_set.version": data_set["table_version"],
        "tidemill.data_set.offsets": offsets,
        "tidemill.tracking_run": trained["tracking_run"],
        "tidemill.gate.passed": trained["passed"],
        "tidemill.rows": trained["rows"]["labelled"],
    }


def _every(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
    last = time.monotonic()

    def tick() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            work()

    return tick
