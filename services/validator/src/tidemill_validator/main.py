"""The validator's process: builds everything from settings and runs until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill.contracts.topics import TopicCatalog
    from tidemill_validator.settings import ValidatorSettings

SERVICE = "tidemill-validator"
DESCRIPTION = """Reads the raw events and labels of every model, checks them against the expectations of the
model file, and writes them to clean or, with the reason, to dead letters: exactly once, byte for byte."""

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a validator; returns its exit code: 0 stopped, 1 crash, 2 configuration, 3 fenced by another
    process.
    """
    from tidemill.service.cli import parser
    from tidemill_validator.settings import ValidatorSettings

    parser(SERVICE, ValidatorSettings, DESCRIPTION).parse_args(arguments)
    from tidemill.service import StopSignal, run_service
    from tidemill.service.lean import leave_out

    leave_out("pandas")
    stop = StopSignal().install()
    return run_service(lambda: run(ValidatorSettings(), stop))


def run(settings: ValidatorSettings, stop: threading.Event) -> None:
    """Validates until `stop` is set, in this thread. Raises ConfigError, Fenced or FatalError."""
    from tidemill.clock import SystemClock
    from tidemill.codec import Codec, open_registry
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.contracts.usable import serve_usable
    from tidemill.kafka.partitions.known_topics import KnownTopics
    from tidemill.kafka.runtime.config import RunnerConfig
    from tidemill.kafka.runtime.runner import TransactionalRunner
    from tidemill.rows.field_rules import read_privacy_key
    from tidemill.service import Health
    from tidemill.service.server import HealthServer
    from tidemill.sources import open_source
    from tidemill.telemetry.logs import configure_logging
    from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
    from tidemill_validator.adapters.controls import Controls
    from tidemill_validator.adapters.history import CleanHistory
    from tidemill_validator.adapters.quality_watch import start_watch
    from tidemill_validator.adapters.room import room
    from tidemill_validator.adapters.window_pause import WindowPause
    from tidemill_validator.encoded_topic import EncodedTopic
    from tidemill_validator.worker import ValidatorWorker, build_validators

    configure_logging(SERVICE, settings.log_level, settings.log_file)
    tracer = configure_tracing(SERVICE, settings)
    models = serve_usable(settings.models_dir, settings.schemas, settings.models)
    topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
    schemas = SchemaCatalog.load(settings.schemas, models)
    registry = open_registry(settings)
    codec = Codec(schemas, registry)
    privacy_key = read_privacy_key(settings.privacy_key_file)
    limits = {"max_ahead_ms": settings.max_ahead_s * 1000, "max_seen_ids": settings.max_seen_ids}
    validators = build_validators(
        models.values(), topics, schemas, codec, privacy_key=privacy_key, **limits,
        open_source=lambda spec, role: open_source(spec, role, schemas, settings.schemas, registry),
        flood=(settings.flood_share, settings.flood_window),
    )  # fmt: skip
    built = {validator.stream.model for validator in validators}
    models = {name: spec for name, spec in models.items() if name in built}
    name = f"validator-{settings.worker_set}-{settings.instance}"
    controls_topic, control = topics.name("validator_controls"), schemas.platform("validator-control")
    controls = Controls(settings, controls_topic, codec, control, name, SystemClock().now_ms)
    worker = ValidatorWorker(
        validators, CleanHistory(settings, codec, settings.max_seen_ids).restore, controls,
        room=room(settings, topics, [validator.stream for validator in validators]),
    )  # fmt: skip
    known_topics = KnownTopics(settings, topics.name("source_topics"), f"source-topics-{name}")
    health = Health()
    health.add_ready("waiting", worker.waits)
    config = RunnerConfig(
        settings=settings,
        group=topics.group(f"validator-{settings.worker_set}"),
        transactional_id=topics.transactional_id(name),
        topics=worker.topics,
        batch_size=settings.batch_size,
        linger_s=settings.batch_linger_ms / 1000,
        stuck_after_s=settings.stuck_after_s,
        known_topics=known_topics,
    )
    runner = TransactionalRunner(config, worker, stop, health=health, tracer=tracer)
    worker.hold = runner.hold_topics
    hosts = settings.allowed_hosts
    with HealthServer(health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        _log.info("metrics and health on port %d", server.port, extra={"port": server.port, "models": list(models)})
        _await_topics(settings, topics, list(models), stop)
        own = Codec(schemas, registry)
        pauses = EncodedTopic(name=controls_topic, schema=control, codec=own)
        pause = WindowPause(settings, pauses, name, newest=controls.newest.get, now_ms=SystemClock().now_ms)
        start_watch(settings, models.values(), topics, schemas, own, pause, stop)
        try:
            runner.run()
        finally:
            controls.close()
            known_topics.close()
            shutdown_tracing()


def _await_topics(settings: ValidatorSettings, topics: TopicCatalog, models: list[str], stop: threading.Event) -> None:
    """Waits for the brokers, then says of which models topics are missing: they wait. Refuses where all are."""
    from tidemill.errors import RetryLater
    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.client.sizes import fit_sizes
    from tidemill.kafka.client.topics import check_topics

    client = admin(settings)
    while not stop.is_set():
        try:
            check_topics(client, topics, models)
            fit_sizes(client, topics, models)
            return
        except RetryLater as error:
            _log.warning("waiting for Kafka: %s", error)
            stop.wait(error.delay_s)
