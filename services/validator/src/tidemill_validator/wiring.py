"""Builds a validator from its settings and runs it until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from opentelemetry.trace import Tracer

from tidemill.clock import SystemClock
from tidemill.codec import Codec, open_registry
from tidemill.codec.registry.client import Registry
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.usable import build_all, build_each
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.sizes import fit_sizes
from tidemill.kafka.client.topics import check_topics
from tidemill.kafka.partitions.known_topics import KnownTopics
from tidemill.kafka.runtime.config import RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.rows.field_rules import read_privacy_key
from tidemill.service import Health
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill.service.renewal.watch import ContractWatch
from tidemill.service.server import HealthServer
from tidemill.sources import open_source
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_validator.adapters.controls import Controls
from tidemill_validator.adapters.history import CleanHistory
from tidemill_validator.adapters.quality_watch import start_watch
from tidemill_validator.adapters.room import room
from tidemill_validator.adapters.window_pause import WindowPause
from tidemill_validator.checks.stream_validator import StreamValidator
from tidemill_validator.encoded_topic import EncodedTopic
from tidemill_validator.main import SERVICE
from tidemill_validator.settings import ValidatorSettings
from tidemill_validator.worker import BuildModels, ValidatorWorker, build_validators

_log = logging.getLogger(__name__)

ROLES = ("raw", "labels_raw", "clean", "labels", "raw_dlq", "labels_raw_dlq")
"""Of a model's topics, those that a validator reads and writes."""


def run(settings: ValidatorSettings, stop: threading.Event) -> None:
    """Validates until `stop` is set, in this thread. Raises ConfigError, Fenced or FatalError."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    tracer = configure_tracing(SERVICE, settings)
    validator = Validator(settings, tracer, stop)
    with HealthServer.of(validator.health, settings) as server:
        named = {"port": server.port, "models": list(validator.models)}
        _log.info("metrics and health on port %d", server.port, extra=named)
        try:
            validator.run()
        finally:
            shutdown_tracing()


class Validator:
    """The parts of one process. Building it connects nothing; raises ConfigError."""

    def __init__(self, settings: ValidatorSettings, tracer: Tracer, stop: threading.Event) -> None:
        self._settings, self._stop = settings, stop
        self._contract = contract = Contract.load(settings)
        self.health = Health()
        self._watch = ContractWatch(contract, self._take_up, self.health)
        self._registry = open_registry(settings)
        codec = Codec(contract.schemas, self._registry)
        validators = _validators(settings, contract, contract.models.values(), codec, self._registry)
        self._streams = [validator.stream for validator in validators]
        built = {stream.model for stream in self._streams}
        self.models = {name: spec for name, spec in contract.models.items() if name in built}
        self._watch_stop = threading.Event()
        self._name = f"validator-{settings.worker_set}-{settings.instance}"
        topic = self._control_topic(codec)
        now_ms = SystemClock().now_ms
        self._controls = Controls(settings, topic.name, codec, topic.schema, self._name, now_ms)
        self._known_topics = KnownTopics(settings, contract.topics.name("source_topics"), f"source-topics-{self._name}")
        self._worker = worker = self._build_worker(validators, codec)
        self.health.add_ready("waiting", worker.waits)
        self._runner = TransactionalRunner(self._config(worker), worker, stop, health=self.health, tracer=tracer)
        worker.hold = self._runner.hold_topics

    def run(self) -> None:
        """Until `stop` is set: waits for the topics, then validates."""
        patiently(self._check_topics, self._stop, "waiting for Kafka")
        self._start_quality_watch()
        try:
            with self._watch:
                self._runner.run()
        finally:
            self._watch_stop.set()
            self._controls.close()
            self._known_topics.close()

    def _build_worker(self, validators: list[StreamValidator], codec: Codec) -> ValidatorWorker:
        settings = self._settings
        restore = CleanHistory(settings, codec, settings.max_seen_ids).restore
        space = room(settings, lambda: self._contract.topics, self._streams)
        return ValidatorWorker(validators, restore, self._controls, room=space)

    def _take_up(self, change: Change) -> None:
        """Validators of new and changed models, from a moment on at which all is committed; the others stay."""
        settings, contract = self._settings, change.contract
        await_topics(change, ROLES)
        codec = Codec(contract.schemas, self._registry)
        validators = _validators(settings, contract, change.specs, codec, self._registry, each=build_all)
        if change.new:
            fit_sizes(admin(settings), contract.topics, list(change.new))
        self._contract = contract
        self._streams += [validator.stream for validator in validators]
        self._runner.at_rest(lambda: self._worker.take_up(validators, self._runner.assigned))
        self._runner.subscribe(self._worker.topics)
        self.models = {**self.models, **{spec.name: spec for spec in change.specs}}
        if change.models:
            self._watch_stop.set()
            self._start_quality_watch()

    def _config(self, worker: ValidatorWorker) -> RunnerConfig:
        settings, topics = self._settings, self._contract.topics
        return RunnerConfig(
            settings=settings,
            group=topics.group(f"validator-{settings.worker_set}"),
            transactional_id=topics.transactional_id(self._name),
            topics=worker.topics,
            batch_size=settings.batch_size,
            linger_s=settings.batch_linger_ms / 1000,
            stuck_after_s=settings.stuck_after_s,
            known_topics=self._known_topics,
        )

    def _check_topics(self) -> None:
        """Says of which models topics are missing: they wait. Refuses where all are. Raises RetryLater."""
        client, topics = admin(self._settings), self._contract.topics
        check_topics(client, topics, list(self.models))
        fit_sizes(client, topics, list(self.models))

    def _start_quality_watch(self) -> None:
        """In a thread of its own, with a codec of its own; it ends with `_watch_stop`."""
        self._watch_stop = threading.Event()
        topics, schemas = self._contract.topics, self._contract.schemas
        codec = Codec(schemas, self._registry)
        newest, now_ms = self._controls.newest.get, SystemClock().now_ms
        pause = WindowPause(self._settings, self._control_topic(codec), self._name, newest=newest, now_ms=now_ms)
        start_watch(self._settings, self.models.values(), topics, schemas, codec, pause, self._watch_stop)

    def _control_topic(self, codec: Codec) -> EncodedTopic:
        schema = self._contract.schemas.platform("validator-control")
        return EncodedTopic(name=self._contract.topics.name("validator_controls"), schema=schema, codec=codec)


def _validators(
    settings: ValidatorSettings, contract: Contract, models: Iterable[ModelSpec], codec: Codec,
    registry: Registry | None, each: BuildModels = build_each,
) -> list[StreamValidator]:  # fmt: skip
    schemas = contract.schemas
    return build_validators(
        models,
        contract.topics,
        schemas,
        codec,
        privacy_key=read_privacy_key(settings.privacy_key_file),
        max_ahead_ms=settings.max_ahead_s * 1000,
        max_seen_ids=settings.max_seen_ids,
        open_source=lambda spec, role: open_source(spec, role, schemas, settings.schemas, registry),
        flood=(settings.flood_share, settings.flood_window),
        each=each,
    )
