"""The two processes of drift: *profile* folds partitions into profiles, *detect* merges and judges them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.trace import Tracer

    from tidemill.codec import Codec
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.kafka.client.publisher import Publisher
    from tidemill.service import Health
    from tidemill_drift.adapters.champions import Champions
    from tidemill_drift.settings import DriftSettings

SERVICE = "tidemill-drift"
DESCRIPTION = """Watches what models see, say and get wrong, and asks for retraining when the world has moved.

profile  reads clean events, predictions and labels, joins them, and writes one mergeable profile a window
         of a partition; run as many as you like, up to the number of partitions
detect   merges profiles over partitions, runs the detectors, writes drift events, performance and retrain
         requests; run one (a second one stands by)"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Contract:
    models: dict[str, ModelSpec]
    topics: TopicCatalog
    schemas: SchemaCatalog
    codec: Codec


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one part; returns its exit code: 0 stopped, 1 crash, 2 configuration."""
    from tidemill.service.cli import parser
    from tidemill_drift.settings import DriftSettings

    command = parser(SERVICE, DriftSettings, DESCRIPTION)
    command.add_argument("part", choices=["profile", "detect"], help="which of the two to run")
    part = command.parse_args(arguments).part
    from tidemill.service import StopSignal, run_service
    from tidemill.service.lean import leave_out

    if part == "profile":  # river, in the other part, is made of pandas
        leave_out("pandas")
    stop = StopSignal().install()
    run = run_profile if part == "profile" else run_detect
    return run_service(lambda: run(DriftSettings(), stop))


def run_profile(settings: DriftSettings, stop: threading.Event) -> None:
    """Folds partitions until `stop` is set. Raises ConfigError or FatalError."""
    from tidemill.service import Health
    from tidemill.service.server import HealthServer
    from tidemill.telemetry.tracing import configure_tracing
    from tidemill_drift.adapters.reader import ProfileReader
    from tidemill_drift.profiling import Profiling

    contract = _contract(settings, "profile")
    tracer = configure_tracing(f"{SERVICE}-profile", settings)
    health = Health()
    hosts = settings.allowed_hosts
    with HealthServer(health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        _log.info("metrics and health on port %d", server.port, extra={"port": server.port})
        if not _await_topics(settings, contract, stop):
            return
        profiling = Profiling(contract.models.values(), contract.topics, contract.schemas, contract.codec)
        group = contract.topics.group(f"drift-profile-{settings.worker_set}")
        reader = ProfileReader(settings, group, contract.topics.name("profiles"), profiling, stop, tracer)
        health.add_live("loop", reader.heartbeat)
        health.add_ready("group", lambda: None if reader.assigned else "no partitions yet")
        with _traced():
            reader.run()


def run_detect(settings: DriftSettings, stop: threading.Event) -> None:
    """Judges profiles until `stop` is set. Raises ConfigError, or what made the app crash."""
    from tidemill.artifact import ArtifactStore
    from tidemill.kafka.client.broadcast import BroadcastReader
    from tidemill.kafka.client.publisher import Publisher
    from tidemill.service import Health
    from tidemill.service.server import HealthServer
    from tidemill.telemetry.tracing import configure_tracing
    from tidemill_drift.adapters.champions import Champions

    contract = _contract(settings, "detect")
    tracer = configure_tracing(f"{SERVICE}-detect", settings)
    topics, schemas, codec = contract.topics, contract.schemas, contract.codec
    health = Health()
    hosts = settings.allowed_hosts
    with HealthServer(health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        _log.info("metrics and health on port %d", server.port, extra={"port": server.port})
        if not _await_topics(settings, contract, stop):
            return
        versions = BroadcastReader(settings, topics.name("model_versions"), name="drift-versions")
        champions = Champions(versions, codec, schemas.platform("model-version"), ArtifactStore.of(settings))
        publisher = Publisher(settings, name="drift-detect")
        try:
            with _traced():
                asyncio.run(_run_app(settings, contract, champions, publisher, health, stop, tracer))
        finally:
            champions.close()
            publisher.close()


async def _run_app(
    settings: DriftSettings, contract: _Contract, champions: Champions, publisher: Publisher, health: Health,
    stop: threading.Event, tracer: Tracer,
) -> None:  # fmt: skip
    from tidemill_drift.adapters.faust_app import DetectApp, DetectContext
    from tidemill_drift.detector_host import DetectorHost

    def host(store: MutableMapping[bytes, bytes]) -> DetectorHost:
        return DetectorHost(contract.models.values(), contract.topics, store)

    context = DetectContext(
        settings=settings, topics=contract.topics, schemas=contract.schemas, codec=contract.codec, host=host,
        champions=champions, publisher=publisher, tracer=tracer,
    )  # fmt: skip
    app = DetectApp(context)
    health.add_live("loop", app.heartbeat)
    health.add_ready("table", lambda: None if app.ready else "the table is not restored yet")
    await app.run(stop)


@contextmanager
def _traced() -> Iterator[None]:
    """What spans are buffered at the end is written out."""
    from tidemill.telemetry.tracing import shutdown_tracing

    try:
        yield
    finally:
        shutdown_tracing()


def _contract(settings: DriftSettings, part: str) -> _Contract:
    from tidemill.codec import Codec, open_registry
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.contracts.usable import serve_usable
    from tidemill.telemetry.logs import configure_logging

    configure_logging(f"{SERVICE}-{part}", settings.log_level, settings.log_file)
    models = serve_usable(settings.models_dir, settings.schemas, settings.models)
    topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
    schemas = SchemaCatalog.load(settings.schemas, models)
    registry = open_registry(settings)
    return _Contract(models, topics, schemas, Codec(schemas, registry))


def _await_topics(settings: DriftSettings, contract: _Contract, stop: threading.Event) -> bool:
    """Waits for the brokers, then says of which models topics are missing; False where stopped first."""
    from tidemill.errors import RetryLater
    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.client.topics import check_topics

    client = admin(settings)
    while not stop.is_set():
        try:
            check_topics(client, contract.topics, list(contract.models))
            return True
        except RetryLater as error:
            _log.warning("waiting for Kafka: %s", error)
            stop.wait(error.delay_s)
    return False
