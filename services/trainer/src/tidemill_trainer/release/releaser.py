"""*release*: the only writer of `model-versions`.

Its transactional id fences any other release of the same model. It opens its writers, reads both of its topics to the
end, and only then decides; a release and its history are written in one transaction. A run or a command that comes
again finds its own release there and changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from opentelemetry.trace import Tracer

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.contracts.events.platform import Action, ModelRef, ModelRelease, ReleaseCommand, RetrainRun
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import ExclusiveWriter
from tidemill.kafka.headers import TRACEPARENT
from tidemill.service import Heartbeat
from tidemill_trainer import metrics
from tidemill_trainer.assess.state import LabelTimeStore, OpenTakeover
from tidemill_trainer.assess.words import LABEL_TIME
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.release.commands import command_release_id, refused, release_of_command
from tidemill_trainer.release.plans import plan_of
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.topic_reader import TopicReader, headers_of
from tidemill_trainer.release.transitions import (
    NotReleased,
    release_of_run,
    release_of_takeover,
    run_release_id,
    takeover_release_id,
)
from tidemill_trainer.release.trial.evaluator import TrialEvaluator
from tidemill_trainer.runs.spans import release_span
from tidemill_trainer.runs.store import RunStore

if TYPE_CHECKING:
    from confluent_kafka import Message

    from tidemill.kafka.headers import Headers

_log = logging.getLogger(__name__)

CATCH_UP_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaserContext:
    """What the *release* thread works with.

    `reader`: of retrain-runs and release-commands; `writers`: one a model, which fences any other; `evaluator`: of
    trials; `takeovers`: what label time asks for; `poll_s`: how long it waits for records, in s.
    """

    catalog: TopicCatalog
    codec: Codec
    schemas: SchemaCatalog
    reader: TopicReader
    specs: Mapping[str, ModelSpec]
    writers: Mapping[str, ExclusiveWriter]
    published: Published
    evaluator: TrialEvaluator
    store: RunStore
    takeovers: LabelTimeStore
    audit: ReleaseAudit
    clock: Clock
    tracer: Tracer
    poll_s: float
    stop: threading.Event
    heartbeat: Heartbeat


class Releaser:
    """The loop of the *release* thread."""

    def __init__(self, context: ReleaserContext) -> None:
        self._specs = context.specs
        self._evaluator = context.evaluator
        self._audit = context.audit
        self._catalog = context.catalog
        self._codec = context.codec
        self._schemas = context.schemas
        self._reader = context.reader
        self._writers = context.writers
        self._published = context.published
        self._store = context.store
        self._takeovers = context.takeovers
        self._clock = context.clock
        self._tracer = context.tracer
        self._poll_s = context.poll_s
        self._stop = context.stop
        self._heartbeat = context.heartbeat
        self._runs_topic = context.catalog.name("retrain_runs")
        begin_to_tell(context.writers)
        self.caught_up = threading.Event()

    def run(self) -> None:
        """Release until stopped. Raises `Fenced` where another process has taken over."""
        try:
            while not self._stop.is_set():
                self._turn()
                self._heartbeat.beat()
        finally:
            self._reader.close()
            self._evaluator.close()
            self._published.close()
            for writer in self._writers.values():
                writer.close()

    def _turn(self) -> None:
        try:
            self._settle()
            self._handle_all(self._reader.poll(self._poll_s))
            for takeover in self._takeovers.open_takeovers():
                self._take_over(takeover)
            for release in self._evaluator.look():
                self._publish(release, None)
        except RetryLater as error:
            _log.warning("release tries again: %s", error)
            self._stop.wait(error.delay_s)

    def _settle(self) -> None:
        """Open what is not open (at the start, and after a write that ended in doubt), then read to the end."""
        closed = [writer for writer in list(self._writers.values()) if not writer.is_open]
        if not closed and self.caught_up.is_set():
            return
        for writer in closed:
            writer.open()
        self._published.catch_up(CATCH_UP_S)
        self.caught_up.set()

    def _take_over(self, takeover: OpenTakeover) -> None:
        """Release it, once; what came of it is noted afterwards. Raises RetryLater."""
        model = takeover.model
        if model not in self._writers:
            return
        outcome = "released"
        if not self._published.knows(takeover_release_id(takeover.takeover_id)):
            found = self._find(model, takeover.version)
            try:
                release = release_of_takeover(
                    self._published.current(model), takeover, found[0] if found else None, self._clock.now_ms(),
                    plan_of(self._specs[model]),
                )  # fmt: skip
                trace = self._takeovers.trace_of(model, takeover.version)
                self._publish(release, [(TRACEPARENT, trace.encode())] if trace else None)
            except NotReleased as error:
                outcome = f"not released: {error}"
                _log.warning("%s: nothing is released: %s", model, error)
        self._takeovers.settle(takeover.takeover_id, outcome)

    def _handle_all(self, messages: list[Message]) -> None:
        for position, message in enumerate(messages):
            try:
                self._handle(message)
                self._reader.commit(message)
            except RetryLater:
                self._reader.rewind(messages[position:])
                raise

    def _handle(self, message: Message) -> None:
        try:
            release = self._decide(message)
        except DeadLetter as error:
            _log.error("%s at %s cannot be read and is passed over: %s", message.topic(), message.offset(), error)
        except NotReleased as error:
            _log.info("nothing is released: %s", error)
        else:
            if release is not None:
                self._publish(release, headers_of(message))

    def _decide(self, message: Message) -> ModelRelease | None:
        """The release that this record leads to; None for one of another model or one that was handled before."""
        value = message.value()
        if message.topic() == self._runs_topic:
            return self._of_run(
                RetrainRun.from_dict(self._codec.decode_one(value, self._schemas.platform("retrain-run")))
            )
        schema = self._schemas.platform("release-command")
        return self._of_command(ReleaseCommand.from_dict(self._codec.decode_one(value, schema)))

    def _of_run(self, run: RetrainRun) -> ModelRelease | None:
        known = run.model in self._writers and run.state == "finished"
        if not known or self._published.knows(run_release_id(run.run_id)):
            return None
        current, plan = self._published.current(run.model), plan_of(self._specs[run.model])
        if current is not None and run.artifact and self._store.asked_by(run.run_id) == LABEL_TIME:
            raise NotReleased(f"version {run.artifact.version} joins the pool: label time says when it takes over")
        return release_of_run(current, run, self._clock.now_ms(), plan)

    def _of_command(self, command: ReleaseCommand) -> ModelRelease | None:
        """A command that makes no sense is recorded too: who gave it learns why nothing happened."""
        model = command.model
        if model not in self._writers or self._published.knows(command_release_id(command.command_id)):
            return None
        current = self._published.current(model)
        try:
            release = release_of_command(
                current, command, self._published.previous(model),
                lambda version: self._find(model, version), self._clock.now_ms(),
                plan_of(self._specs[model]),
            )  # fmt: skip
        except NotReleased as error:
            self._audit.note(command, f"refused: {error}")
            if current is None:
                raise
            return refused(current, command, str(error))
        self._audit.note(command, release.action)
        return release

    def _find(self, model: str, version: int) -> tuple[ModelRef, tuple[int, ...]] | None:
        """A version that a run made, or that was published, whoever made it."""
        return self._store.artifact(model, version) or self._published.reference(model, version)

    def _publish(self, release: ModelRelease, headers: Headers | None) -> None:
        version, model = release.published, release.published.model
        with release_span(self._tracer, model, headers) as onward:
            key = model.encode()
            history = self._codec.encode_one(release.to_dict(), self._schemas.platform("model-release"))
            outputs = [Output(self._catalog.name("model_releases"), [history], [key], headers=[onward])]
            current = self._published.current(model)
            if current is None or version.epoch > current.epoch:
                value = self._codec.encode_one(version.to_dict(), self._schemas.platform("model-version"))
                outputs.insert(0, Output(self._catalog.name("model_versions"), [value], [key], headers=[onward]))
            self._writers[model].write(outputs)
        self._published.note(release)
        metrics.RELEASES.labels(model, release.action).inc()
        metrics.EPOCH.labels(model).set(version.epoch)
        metrics.MODEL_VERSION.labels(model).set(version.champion.version)
        metrics.CHALLENGER_SHARE.labels(model).set(version.challenger_share)
        _log.info(
            "%s: %s; version %d serves at epoch %d: %s",
            model,
            release.action,
            version.champion.version,
            version.epoch,
            release.reason,
            extra={"model_version": f"{model}:{version.champion.version}"},
        )


def begin_to_tell(models: Iterable[str]) -> None:
    """Give the counters of these models their first value: one that begins at 1 has not increased."""
    for model in models:
        for action in get_args(Action):
            metrics.RELEASES.labels(model, action)
