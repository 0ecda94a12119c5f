"""The ingest process: builds everything from settings and serves until it is told to stop."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.trace import Tracer

    from tidemill.access.open import Access
    from tidemill_ingest.idempotency import Answers
    from tidemill_ingest.settings import IngestSettings

SERVICE = "tidemill-ingest"
DESCRIPTION = """Takes events and labels by HTTP and stores them in Kafka: an answer of 202 means stored."""
BACKLOG = 2_048

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves; returns the exit code: 0 stopped, 1 crash, 2 configuration."""
    from tidemill.service.cli import parser
    from tidemill_ingest.settings import IngestSettings

    parser(SERVICE, IngestSettings, DESCRIPTION).parse_args(arguments)
    from tidemill.service import StopSignal, run_service

    StopSignal().install()  # to this uvicorn hands signals on when it has stopped: the exit code is 0
    return run_service(lambda: run(IngestSettings()))


def run(settings: IngestSettings) -> None:
    """Serves until SIGTERM or SIGINT, then ends requests under way. Raises ConfigError where the port is
    taken.
    """
    import uvicorn

    from tidemill.telemetry.logs import configure_logging
    from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
    from tidemill.web.doors import Doors
    from tidemill.web.protocol import timed_protocol
    from tidemill_ingest.adapters.quiet import quieten

    configure_logging(SERVICE, settings.log_level, settings.log_file)
    quieten()
    app = build_app(settings, configure_tracing(SERVICE, settings))
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    _log.info("listening on http://%s:%d", settings.host, port, extra={"port": port})
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=timed_protocol(Doors(settings.door_limits())),
        proxy_headers=False,  # the gate alone looks at a client's address, and at which proxies are believed
        timeout_graceful_shutdown=settings.drain_s,
        server_header=False,
        ws="none",
        lifespan="on",
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
        shutdown_tracing()


def build_app(settings: IngestSettings, tracer: Tracer) -> FastAPI:
    """The application with everything that it needs. Connects when it is started."""
    from tidemill.clock import SystemClock
    from tidemill.codec import Codec, open_registry
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.contracts.usable import serve_usable
    from tidemill.kafka.pass_through.aio import aiokafka_config
    from tidemill_ingest.adapters.kafka import KafkaSink
    from tidemill_ingest.service import IngestService, build_targets
    from tidemill_ingest.web.api import create_app

    models = serve_usable(settings.models_dir, settings.schemas, settings.models)
    topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
    schemas = SchemaCatalog.load(settings.schemas, models)
    codec = Codec(schemas, open_registry(settings))
    connection = aiokafka_config(settings.kafka_client)
    sink = KafkaSink(
        settings.kafka_bootstrap,
        f"{settings.prefix}{SERVICE}",
        settings.delivery_timeout_ms / 1000,
        lambda: connection,
    )
    targets = build_targets(models.values(), topics, schemas)
    service = IngestService(targets, codec, sink, SystemClock(), tracer, settings.max_items)

    access = _access(settings)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        sink.start()
        if access is not None:
            access.ring.start()
        try:
            yield
        finally:
            await sink.stop(settings.drain_s)
            service.close()
            if access is not None:
                access.ring.close()

    async def ready() -> str | None:
        return (access.ring.check() if access else None) or await sink.reachable()

    return create_app(
        service,
        ready,
        lifespan,
        max_body_bytes=settings.max_body_bytes,
        retry_after_s=settings.retry_after_s,
        gate=access.gate if access else None,
        cors_origins=settings.cors_origins,
        visitors=settings.visitors(),
        answers=_answers(settings),
    )


def _access(settings: IngestSettings) -> Access | None:
    if settings.auth != "on":
        return None
    from tidemill.access.open import open_access

    return open_access(settings)


def _answers(settings: IngestSettings) -> Answers:
    from tidemill.breaker import CircuitBreaker
    from tidemill_ingest.adapters.answers_kept import LocalAnswers, SharedAnswers

    if not settings.redis_url:
        return LocalAnswers(settings.idempotency_ttl_s)
    breaker = CircuitBreaker("redis-answers")
    return SharedAnswers(settings.redis_url, settings.prefix, settings.idempotency_ttl_s, breaker)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError where the port is taken."""
    from tidemill.errors import ConfigError

    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}): set TIDEMILL_PORT=0") from error
