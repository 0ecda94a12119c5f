"""`tidemill-inference stream`: clean records in, predictions out, exactly once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from tidemill.clock import SystemClock
from tidemill.contracts.usable import build_each
from tidemill.kafka.client.clients import admin
from tidemill.kafka.partitions.growth import partition_counts, widen
from tidemill.kafka.partitions.room import Room
from tidemill.kafka.runtime.runner import Partition, TransactionalRunner
from tidemill.service import Health, StopSignal
from tidemill.service.footprint import Trimmer
from tidemill.service.server import HealthServer
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill_inference.entrypoints.wiring import Platform
from tidemill_inference.predictions.columns import STREAM
from tidemill_inference.settings import StreamSettings
from tidemill_inference.stream.hold_unloaded import HoldsWhatWaits
from tidemill_inference.stream.process import StreamProcess
from tidemill_inference.versions.watcher import VersionWatcher

SERVICE = "inference-stream"
SYNC_S = 10.0
"""How long new partitions wait at a time for the versions that others may serve already."""

FEW_AHEAD = {"queued_min_messages": 1_000, "max_partition_fetch_bytes": 128 << 10}
"""Of several topics the consumer fetches in small pieces: what is fetched is taken in that order, and a topic with a
backlog would stand before the others with all that fits into the buffer.
"""

_log = logging.getLogger(__name__)


def run_stream(settings: StreamSettings) -> None:
    """Work until SIGTERM or SIGINT. Raises Fenced, FatalError, ConfigError."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    stop = StopSignal().install()
    worker = StreamWorker(settings, stop)
    hosts = settings.allowed_hosts
    with HealthServer(worker.health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        _log.info("listening", extra={"address": f"http://{settings.host}:{server.port}"})
        worker.run()
    shutdown_tracing()


class StreamWorker:
    """One member of the worker set. It joins the input group when the first of its models has a version."""

    def __init__(self, settings: StreamSettings, stop: StopSignal) -> None:
        self._stop = stop
        self._platform = platform = Platform.load(settings)
        routes = build_each(platform.specs.values(), lambda spec: platform.route(spec.name))
        self._clean = {platform.topics.name("clean", model): model for model in routes}
        client = admin(settings)
        self._room = Room(
            {topic: [routes[model].predictions_topic] for topic, model in self._clean.items()},
            partial(partition_counts, client),
            lambda topic: widen(client, platform.topics, self._clean[topic]),
        )
        self.health = Health()
        self._watcher: VersionWatcher = platform.watcher(on_failure=stop.set, on_switch=self._on_switch)
        self._process = HoldsWhatWaits(
            StreamProcess(
                {topic: routes[model] for topic, model in self._clean.items()},
                platform.predictors,
                platform.codec(),
                SystemClock().now_ms,
                platform.report_writer(STREAM),
            ),
            {model: topic for topic, model in self._clean.items()},
            room=self._room,
        )
        self._trim = Trimmer()
        name = f"inference-{settings.worker_set}"
        self._runner = TransactionalRunner(
            settings,
            group=platform.topics.group(name),
            transactional_id=platform.topics.transactional_id(f"{name}-{settings.instance}"),
            topics=[],
            process=self._process,
            stop=stop,
            batch_size=settings.batch_size,
            linger_s=settings.batch_linger_ms / 1000,
            start_offsets=self._start_offsets,
            on_assigned=self._on_assigned,
            on_revoked=self._room.drop,
            before_batch=self._process.release,
            on_idle=self._on_idle,
            health=self.health,
            consumer_over=FEW_AHEAD if len(platform.specs) > 1 else None,
            tracer=configure_tracing(SERVICE, settings),
            set_aside=lambda one, why: [],  # nothing is predicted of it; the runner counts and logs it
            unread=lambda one, why: [],
            stuck_after_s=settings.stuck_after_s,
        )
        self._process.hold = self._runner.hold_topics
        self.health.add_live("versions", self._watcher.check)
        self.health.add_ready("models", platform.check_warm)

    def run(self) -> None:
        """Work until `stop` is set."""
        self._watcher.start()
        try:
            self._runner.run()
        finally:
            self._watcher.close()
        if self._watcher.failure is not None:
            raise self._watcher.failure

    def _on_idle(self) -> None:
        self._process.release()
        self._trim()

    def _on_switch(self, model: str) -> None:
        """Take part in the models that have a version; the runner ignores what it is subscribed to
        already.
        """
        predictors = self._platform.predictors
        self._runner.subscribe([topic for topic, name in self._clean.items() if predictors[name].serving])

    def _on_assigned(self, partitions: list[Partition]) -> None:
        """The member before us may have served a version that we have not read of: read and load it first,
        so that the epochs in a partition never go back. A prediction goes to the partition number that its
        record came from: a model whose predictions have fewer partitions waits until they have grown.
        """
        models = {self._clean[topic] for topic, _ in partitions}
        self._watcher.sync(SYNC_S, models)
        self._room.take(partitions)
        self._process.apply()

    def _start_offsets(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        """Where the training rows of the first version ended; partitions added since then are read from
        their beginning.
        """
        starts: dict[Partition, int] = {}
        for topic, number in partitions:
            offsets = self._platform.predictors[self._clean[topic]].current().event.start_offsets
            starts[topic, number] = offsets[number] if number < len(offsets) else 0
        return starts
