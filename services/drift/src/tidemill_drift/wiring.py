"""Builds one of the two processes of drift from its settings and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from opentelemetry.trace import Tracer

from tidemill.artifact import ArtifactStore
from tidemill.clock import SystemClock
from tidemill.contracts.usable import build_all
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.topics import check_topics
from tidemill.service import Health
from tidemill.service.contract import Contract
from tidemill.service.patience import patiently
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill.service.renewal.watch import ContractWatch
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_drift.main import SERVICE
from tidemill_drift.settings import DriftSettings

if TYPE_CHECKING:
    from tidemill_drift.adapters.faust_app import DetectApp

_log = logging.getLogger(__name__)


def run_part(part: Literal["profile", "detect"], settings: DriftSettings, stop: threading.Event) -> None:
    """Works until `stop` is set. Raises ConfigError, FatalError, or what made Faust's app crash."""
    configure_logging(f"{SERVICE}-{part}", settings.log_level, settings.log_file)
    contract = Contract.load(settings)
    tracer = configure_tracing(f"{SERVICE}-{part}", settings)
    health = Health()
    with HealthServer.of(health, settings) as server:
        _log.info("metrics and health on port %d", server.port, extra={"port": server.port})
        if patiently(lambda: _topics_are_there(settings, contract), stop, "waiting for Kafka") is None:
            return
        work = _profile if part == "profile" else _detect
        run = work(settings, contract, health, tracer, stop)
        try:
            run()
        finally:
            shutdown_tracing()


def _topics_are_there(settings: DriftSettings, contract: Contract) -> bool:
    """Says of which models topics are missing. Raises RetryLater without brokers."""
    check_topics(admin(settings), contract.topics, list(contract.models))
    return True


def _profile(
    settings: DriftSettings, contract: Contract, health: Health, tracer: Tracer, stop: threading.Event
) -> Callable[[], None]:
    from tidemill_drift.adapters.reader import ProfileReader
    from tidemill_drift.profiling import Profiling, watched
    from tidemill_learning.drift.profiling.partition import ROLES

    profiling = Profiling(contract.models.values(), contract.topics, contract.schemas, contract.codec())
    group = contract.topics.group(f"drift-profile-{settings.worker_set}")
    reader = ProfileReader(settings, group, contract.topics.name("profiles"), profiling, stop, tracer)
    health.add_live("loop", reader.heartbeat)
    health.add_ready("group", lambda: None if reader.assigned else "no partitions yet")

    def take_up(change: Change) -> None:
        await_topics(change, ROLES)
        found = change.contract
        models = build_all(change.specs, partial(watched, found.topics, found.schemas))
        if models:
            reader.take_up(models)

    watch = ContractWatch(contract, take_up, health)

    def run() -> None:
        with watch:
            reader.run()

    return run


def _detect(
    settings: DriftSettings, contract: Contract, health: Health, tracer: Tracer, stop: threading.Event
) -> Callable[[], None]:
    from tidemill_drift.adapters.arrivals import TopicArrivals
    from tidemill_drift.adapters.champions import Champions

    topics, schemas, codec = contract.topics, contract.schemas, contract.codec()
    versions = BroadcastReader(settings, topics.name("model_versions"), name="drift-versions")
    champions = Champions(versions, codec, schemas.platform("model-version"), ArtifactStore.of(settings))
    publisher = Publisher(settings, name="drift-detect")
    arrivals = TopicArrivals(settings)
    apps: list[DetectApp] = []

    def take_up(change: Change) -> None:
        for app in apps:
            app.take_up(change.specs)

    watch = ContractWatch(contract, take_up, health)

    async def detect() -> None:
        from tidemill_drift.adapters.faust_app import DetectApp, DetectContext
        from tidemill_drift.detector_host import DetectorHost

        def host(store: MutableMapping[bytes, bytes]) -> DetectorHost:
            return DetectorHost(contract.models.values(), topics, store)

        context = DetectContext(
            settings=settings, topics=topics, schemas=schemas, codec=codec, host=host,
            champions=champions, publisher=publisher, tracer=tracer, models=[*contract.models],
            arrivals=arrivals.of, clock=SystemClock(),
        )  # fmt: skip
        app = DetectApp(context)
        apps.append(app)
        health.add_live("loop", app.heartbeat)
        health.add_ready("table", lambda: None if app.ready else "the table is not restored yet")
        with watch, app.rest:
            await app.run(stop)

    def run() -> None:
        try:
            asyncio.run(detect())
        finally:
            arrivals.close()
            champions.close()
            publisher.close()

    return run
