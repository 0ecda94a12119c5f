"""Builds ingest from its settings and serves until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI
from opentelemetry.trace import Tracer

from tidemill.access.log.lines import open_access_log
from tidemill.access.open import open_access
from tidemill.breaker import CircuitBreaker
from tidemill.clock import SystemClock
from tidemill.contracts.usable import build_all
from tidemill.kafka.pass_through.aio import aiokafka_config
from tidemill.service.contract import Contract
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill.service.renewal.watch import ContractWatch
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill.web.doors import Doors
from tidemill.web.listening import address_of, listen
from tidemill.web.protocol import timed_protocol
from tidemill.web.serving import HttpServer, server_config
from tidemill.web.tls.server import open_tls
from tidemill_ingest.adapters.answers_kept import LocalAnswers, SharedAnswers
from tidemill_ingest.adapters.kafka import KafkaSink
from tidemill_ingest.adapters.quiet import quieten
from tidemill_ingest.idempotency import Answers
from tidemill_ingest.main import SERVICE
from tidemill_ingest.service import IngestService, build_targets
from tidemill_ingest.settings import IngestSettings
from tidemill_ingest.web.api import create_app

ROLES = ("raw", "labels_raw")
"""Of a model's topics, those that ingest writes."""

_log = logging.getLogger(__name__)


def run(settings: IngestSettings) -> None:
    """Serves until SIGTERM or SIGINT, then ends requests under way. Raises ConfigError where the port is taken."""
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    quieten()
    app = build_app(settings, configure_tracing(SERVICE, settings))
    tls = open_tls(settings)
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    address = address_of(settings.host, listening, tls=tls is not None)
    _log.info("listening on %s", address, extra={"port": port})
    http = timed_protocol(Doors(settings.door_limits()))
    config = server_config(app, http=http, drain_s=settings.drain_s, lifespan="on", tls=tls)
    try:
        with tls or nullcontext():
            HttpServer(config, tls).run(sockets=[listening])
    finally:
        listening.close()
        shutdown_tracing()


def build_app(settings: IngestSettings, tracer: Tracer) -> FastAPI:
    """The application with everything that it needs. Connects when it is started."""
    contract = Contract.load(settings)
    connection = aiokafka_config(settings.kafka_client)
    sink = KafkaSink(
        settings.kafka_bootstrap,
        f"{settings.prefix}{SERVICE}",
        settings.delivery_timeout_ms / 1000,
        lambda: connection,
    )
    targets = build_targets(contract.models.values(), contract.topics, contract.schemas)
    service = IngestService(targets, contract.codec(), sink, SystemClock(), tracer, settings.max_items)

    def take_up(change: Change) -> None:
        await_topics(change, ROLES)
        found = change.contract
        service.take_up(build_targets(change.specs, found.topics, found.schemas, each=build_all))

    watch = ContractWatch(contract, take_up)
    access = open_access(settings)
    access_log = open_access_log(settings, service.knows)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        sink.start()
        watch.start()
        if access is not None:
            access.ring.start()
        if access_log is not None:
            access_log.start()
        try:
            yield
        finally:
            watch.close()
            await sink.stop(settings.drain_s)
            service.close()
            if access is not None:
                access.ring.close()
            if access_log is not None:
                access_log.close()

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
        facts=lambda: {"contract": watch.standing.facts()},
        access_log=access_log,
    )


def _answers(settings: IngestSettings) -> Answers:
    if not settings.redis_url:
        return LocalAnswers(settings.idempotency_ttl_s)
    breaker = CircuitBreaker("redis-answers")
    return SharedAnswers(settings.redis_url, settings.prefix, settings.idempotency_ttl_s, breaker)
