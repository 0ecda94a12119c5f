"""Builds the trainer from its settings and runs it."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill.service import Health, StopSignal, run_service
from tidemill.service.cli import parser
from tidemill_trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.topics import TopicCatalog

SERVICE = "trainer"
ABOUT = "Collects rows, admits retrain requests, trains in a process of its own, and releases versions."


def main() -> int:
    """Entry point; gives the exit code."""
    arguments = parser("tidemill-trainer", TrainerSettings, ABOUT)
    arguments.parse_args()
    return run_service(lambda: serve(TrainerSettings(), StopSignal().install()))


def serve(settings: TrainerSettings, stop: threading.Event) -> None:
    """Run all parts until ``stop`` is set. Raises what ended them otherwise."""
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.contracts.usable import serve_usable
    from tidemill.service.server import HealthServer
    from tidemill.telemetry.logs import configure_logging
    from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing

    configure_logging(SERVICE, settings.log_level, settings.log_file)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every revision, at every start
    settings = with_absolute_places(settings)
    specs = serve_usable(settings.models_dir, settings.schemas, settings.models)
    catalog = TopicCatalog.load(settings.schemas, settings.prefix, specs)
    health = Health()
    hosts = settings.allowed_hosts
    with HealthServer(health, host=settings.host, port=settings.port, allowed_hosts=hosts) as server:
        print(f"trainer: http://{settings.host}:{server.port}/metrics", file=sys.stderr)
        health.add_ready("starting", lambda: "the trainer is starting")
        try:
            _run_parts(settings, specs, catalog, health, configure_tracing(SERVICE, settings), stop)
        finally:
            shutdown_tracing()


def _run_parts(
    settings: TrainerSettings,
    specs: dict[str, ModelSpec],
    catalog: TopicCatalog,
    health: Health,
    tracer: Any,
    stop: threading.Event,
) -> None:
    from tidemill_trainer.part_threads import Parts
    from tidemill_trainer.wiring import build

    loops = build(settings, specs, catalog, health, tracer, stop)
    if loops is not None:
        Parts(loops, stop).run()


def with_absolute_places(settings: TrainerSettings) -> TrainerSettings:
    """Artifacts and tables as URIs that mean the same in every process: events carry them."""
    return settings.model_copy(update={"artifacts": as_uri(settings.artifacts), "tables": as_uri(settings.tables)})


def as_uri(place: str) -> str:
    """A folder as ``file://`` URI; a URI as it is, without a slash at its end."""
    return place.rstrip("/") if "://" in place else Path(place).resolve().as_uri()


if __name__ == "__main__":
    sys.exit(main())
