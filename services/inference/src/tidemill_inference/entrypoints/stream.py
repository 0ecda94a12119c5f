"""`tidemill-inference stream`: clean records in, predictions out, exactly once."""

from __future__ import annotations

import logging
from functools import partial

from tidemill.clock import SystemClock
from tidemill.contracts.usable import build_all, build_each
from tidemill.kafka.client.clients import admin
from tidemill.kafka.partitions.growth import partition_counts, widen
from tidemill.kafka.partitions.room import Room
from tidemill.kafka.runtime.config import RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.service import Health, StopSignal
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill.service.renewal.watch import ContractWatch
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_inference.entrypoints.wiring import Platform, route_of
from tidemill_inference.predictions.columns import STREAM
from tidemill_inference.settings import StreamSettings
from tidemill_inference.stream.hold_unloaded import HoldsWhatWaits
from tidemill_inference.stream.process import StreamProcess
from tidemill_inference.stream.worker import StreamWorker
from tidemill_inference.versions.watcher import VersionWatcher

SERVICE = "inference-stream"

ROLES = ("clean", "predictions")
"""Of a model's topics, those that *stream* reads and writes."""

FEW_AHEAD = {"queued_min_messages": 1_000, "max_partition_fetch_bytes": 128 << 10}
"""Of several topics the consumer fetches in small pieces: what is fetched is taken in that order, and a topic with a
backlog would stand before the others with all that fits into the buffer.
"""

_log = logging.getLogger(__name__)


def run_stream(settings: StreamSettings) -> None:
    """Work until SIGTERM or SIGINT. Raises Fenced, FatalError, ConfigError."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    stop = StopSignal().install()
    service = StreamService(settings, stop)
    with HealthServer.of(service.health, settings) as server:
        _log.info("listening", extra={"address": server.address})
        service.run()
    shutdown_tracing()


class StreamService:
    """One member of the worker set. It joins the input group when the first of its models has a version."""

    def __init__(self, settings: StreamSettings, stop: StopSignal) -> None:
        self._platform = platform = Platform.load(settings)
        routes = build_each(platform.specs.values(), lambda spec: route_of(platform.contract, spec.name))
        self._clean = {model: platform.topics.name("clean", model) for model in routes}
        self._models = {topic: model for model, topic in self._clean.items()}
        self._routes = {topic: routes[model] for topic, model in self._models.items()}
        self._room = room = self._build_room(settings)
        scoring = self._scoring(room)
        self.health = Health()
        self._contract_watch = ContractWatch(platform.contract, self._take_up, self.health)
        self._watcher: VersionWatcher = platform.watcher(on_failure=stop.set, on_switch=self._on_switch)
        worker = StreamWorker(self._models, platform.predictors, scoring, room, self._watcher.sync)
        tracer = configure_tracing(SERVICE, settings)
        self._runner = TransactionalRunner(self._config(settings), worker, stop, health=self.health, tracer=tracer)
        scoring.hold = self._runner.hold_topics
        self.health.add_live("versions", self._watcher.check)
        self.health.add_ready("models", platform.check_warm)

    def run(self) -> None:
        """Work until `stop` is set."""
        self._watcher.start()
        try:
            with self._contract_watch:
                self._runner.run()
        finally:
            self._watcher.close()
        if self._watcher.failure is not None:
            raise self._watcher.failure

    def _config(self, settings: StreamSettings) -> RunnerConfig:
        name, topics = f"inference-{settings.worker_set}", self._platform.topics
        return RunnerConfig(
            settings=settings,
            group=topics.group(name),
            transactional_id=topics.transactional_id(f"{name}-{settings.instance}"),
            topics=[],
            batch_size=settings.batch_size,
            linger_s=settings.batch_linger_ms / 1000,
            stuck_after_s=settings.stuck_after_s,
            consumer_over=FEW_AHEAD if len(self._platform.specs) > 1 else {},
        )

    def _build_room(self, settings: StreamSettings) -> Room:
        client, platform = admin(settings), self._platform
        return Room(
            {topic: [route.predictions_topic] for topic, route in self._routes.items()},
            partial(partition_counts, client),
            lambda topic: widen(client, platform.topics, self._models[topic]),
        )

    def _scoring(self, room: Room) -> HoldsWhatWaits:
        platform = self._platform
        reports = platform.report_writer(STREAM)
        process = StreamProcess(self._routes, platform.predictors, platform.codec(), SystemClock().now_ms, reports)
        return HoldsWhatWaits(process, self._clean, room=room)

    def _take_up(self, change: Change) -> None:
        """Routes of new and changed models, from a moment on at which all is committed; versions that serve stay."""
        await_topics(change, ROLES)
        routes = build_all(change.specs, lambda spec: route_of(change.contract, spec.name))
        topics = {model: change.contract.topics.name("clean", model) for model in routes}

        def at_rest() -> None:
            self._clean.update(topics)
            self._routes.update({topics[model]: route for model, route in routes.items()})
            self._models.update({topic: model for model, topic in topics.items()})
            self._room.add({topics[model]: [route.predictions_topic] for model, route in routes.items()})

        self._runner.at_rest(at_rest)
        self._platform.renew(change.contract)

    def _on_switch(self, model: str) -> None:
        """Take part in the models that have a version; the runner ignores what it is subscribed to already."""
        predictors = self._platform.predictors
        self._runner.subscribe([topic for topic, name in list(self._models.items()) if predictors[name].serving])
