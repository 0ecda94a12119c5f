"""`tidemill-inference serve`: predictions by REST."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from tidemill.access.log.lines import open_access_log
from tidemill.access.open import open_access
from tidemill.breaker import CircuitBreaker
from tidemill.clock import SystemClock
from tidemill.codec.layout import layout_of
from tidemill.errors import ConfigError
from tidemill.kafka.client.clients import producer_config
from tidemill.rows.field_rules import read_privacy_key
from tidemill.service import Health, StopSignal
from tidemill.service.at_rest import AtRest
from tidemill.service.contract import Contract
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill.service.renewal.watch import ContractWatch
from tidemill.telemetry.logs import configure_logging
from tidemill.telemetry.tracing import configure_tracing, shutdown_tracing
from tidemill.web.doors import Doors
from tidemill.web.listening import address_of, listen
from tidemill.web.serving import HttpServer, server_config
from tidemill.web.tls.server import ServerTls, open_tls
from tidemill_inference import metrics
from tidemill_inference.entrypoints.log_producers import LogProducers
from tidemill_inference.entrypoints.wiring import Platform, route_of
from tidemill_inference.predictions.columns import REST
from tidemill_inference.predictions.entry import Entry
from tidemill_inference.predictions.lines import PredictionLines
from tidemill_inference.predictions.log import FAILURES, REST_S, PredictionLog
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.fast_path.route import LeanRoute
from tidemill_inference.rest.fast_path.uvicorn_protocol import lean_protocol
from tidemill_inference.rest.handler import Limits, LogPredictions, Predicting
from tidemill_inference.rest.request_checks import Noted, RecordRules
from tidemill_inference.rest.scheduling.micro_batcher import ENOUGH
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.settings import ServeSettings

if TYPE_CHECKING:
    from tidemill_inference.rest.score_cache.redis import ScoreCache

SERVICE = "inference-serve"
SWITCH_S = 0.0005
LOG_FLUSH_S = 10.0
LOG_TIMEOUT_MS = 60_000
"""How long a prediction waits for brokers that are away before it is counted as lost."""
LOG_BUFFER_KB = 16_384
LOG_RECORD_BYTES = 1_114_112  # what the predictions topics admit: a prediction carries its input

_log = logging.getLogger(__name__)


def run_serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT: then requests in flight are answered and the log is flushed. Raises
    ConfigError.
    """
    configure_logging(SERVICE, settings.log_level, settings.log_file)
    stop, tls = StopSignal().install(), open_tls(settings)
    platform = Platform.load(settings)
    health, rest = Health(), AtRest()
    spans = RequestSpans(
        configure_tracing(SERVICE, settings.model_copy(update={"trace_ratio": 1.0})), settings.trace_ratio
    )
    log = _prediction_log(platform, settings)
    watcher = platform.watcher(on_failure=stop.set)
    health.add_live("versions", watcher.check)
    health.add_live("prediction-log", log.check)
    health.add_ready("models", platform.check_warm)
    access = open_access(settings, _tell_breaker)
    if access is not None:
        health.add_ready("keys", access.ring.check)
    gate = access.gate if access else None
    lines = prediction_lines(settings)
    predicting = Predicting(
        _endpoints(platform.contract, list(platform.specs), platform.predictors, settings),
        log_into(log, settings, lines),
        _limits(settings),
        spans,
        _cache(settings, platform),
        together=ENOUGH if settings.gather_requests == "on" else 1,
    )
    visitors = settings.visitors()
    access_log = open_access_log(settings, lambda model: model in predicting.endpoints)
    app = create_app(
        predicting, health, gate=gate, cors_origins=settings.cors_origins, visitors=visitors, access_log=access_log
    )
    lean = LeanRoute(predicting, gate, visitors, access_log)
    renewal = Renewal(platform, settings, predicting, lean, log, rest)
    contract_watch = ContractWatch(platform.contract, renewal.take_up, health)
    _settle()
    with (
        listen(settings.host, settings.port) as listener,
        access.ring if access else nullcontext(),
        access_log or nullcontext(),
        lines or nullcontext(),
    ):
        _log.info("listening", extra={"address": address_of(settings.host, listener, tls=tls is not None)})
        log.start()
        watcher.start()
        try:
            with contract_watch, rest, tls or nullcontext():
                _server(app, lean, settings, stop, rest, tls).run(sockets=[listener])
        finally:
            watcher.close()
            log.close(LOG_FLUSH_S)
            shutdown_tracing()
    if watcher.failure is not None:
        raise watcher.failure


def _settle() -> None:
    """What is there for good is never looked at by the garbage collector again; and a thread that works hands over
    within half a millisecond, where the default lets requests wait for five.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)


def _prediction_log(platform: Platform, settings: ServeSettings) -> PredictionLog:
    config = producer_config(
        settings,
        client_id=f"{settings.prefix}prediction-log",
        queue_buffering_max_messages=settings.prediction_log_size,
        queue_buffering_max_kbytes=LOG_BUFFER_KB,
        message_timeout_ms=LOG_TIMEOUT_MS,
        message_max_bytes=LOG_RECORD_BYTES,
    )
    producers = LogProducers(settings, config)
    routes = {model: platform.route(model) for model in platform.specs}
    reports = platform.report_writer(REST)
    breaker = CircuitBreaker("broker", failures=FAILURES, rest_s=REST_S, on_change=_tell_breaker)
    size, codec = settings.prediction_log_size, platform.codec()
    return PredictionLog(producers, codec, routes, size, reports, breaker)


def log_into(log: PredictionLog, settings: ServeSettings, lines: PredictionLines | None = None) -> LogPredictions:
    """What takes every answered prediction: the log, or nothing where the settings say so; and lines where they ask for
    them.
    """
    is_logged = settings.prediction_log == "on"
    if lines is None and not is_logged:
        return lambda endpoint, answered, contexts: None
    if lines is None:
        return lambda endpoint, answered, contexts: log.put(Entry(endpoint, answered, contexts))

    def both(endpoint: ModelEndpoint, answered: Answered, contexts: Sequence[RequestContext]) -> None:
        entry = Entry(endpoint, answered, contexts)
        lines.put(entry, len(answered))
        if is_logged:
            log.put(entry)

    return both


def prediction_lines(settings: ServeSettings) -> PredictionLines | None:
    """Lines of predictions, where the settings ask for them."""
    wanted = settings.prediction_lines
    return None if wanted == "off" else PredictionLines(features=wanted == "features")


def _cache(settings: ServeSettings, platform: Platform) -> ScoreCache | None:
    if not settings.cache_models or not settings.redis_url:
        return None
    from tidemill_inference.rest.score_cache.redis import ScoreCache

    models = platform.predictors if settings.cache_models == ("*",) else settings.cache_models
    unknown = set(models) - platform.predictors.keys()
    if unknown:
        raise ConfigError(f"TIDEMILL_CACHE_MODELS: there is no model {', '.join(sorted(unknown))}")
    breaker = CircuitBreaker("redis-cache", on_change=_tell_breaker)
    return ScoreCache(settings.redis_url, settings.prefix, models, settings.cache_ttl_s, breaker)


def _tell_breaker(helper: str, is_open: bool) -> None:
    metrics.BREAKER_OPEN.labels(helper).set(is_open)
    _log.warning("%s is %s", helper, "left alone for a while" if is_open else "back")


def _limits(settings: ServeSettings) -> Limits:
    return Limits(
        settings.max_body_kb * 1_024,
        settings.max_instances,
        settings.retry_after_s,
        settings.max_arrow_kb * 1_024,
        settings.max_arrow_rows,
        settings.batch_threads,
        settings.batch_queue,
    )


@dataclass(frozen=True, slots=True)
class Renewal:
    """Takes up new and changed models between two turns of the event loop: no request is refused or waits."""

    platform: Platform
    settings: ServeSettings
    predicting: Predicting
    lean: LeanRoute
    log: PredictionLog
    rest: AtRest

    def take_up(self, change: Change) -> None:
        """Raises ConfigError, with nothing changed, where an endpoint cannot be made; RetryLater."""
        await_topics(change, ["predictions"])
        predictors = {name: self.platform.predictors.get(name) or Predictor(name) for name in change.models}
        endpoints = _endpoints(change.contract, change.models, predictors, self.settings)
        routes = {model: route_of(change.contract, model) for model in change.models}

        def at_rest() -> None:
            self.log.take_up(routes)
            self.predicting.take_up(endpoints)
            self.lean.renew()

        self.rest.ask(at_rest)
        self.platform.renew(change.contract, predictors)


def _endpoints(
    contract: Contract, models: Collection[str], predictors: Mapping[str, Predictor], settings: ServeSettings
) -> dict[str, ModelEndpoint]:
    endpoints: dict[str, ModelEndpoint] = {}
    key = read_privacy_key(settings.privacy_key_file)
    for model in models:
        spec, record = contract.models[model], contract.schemas.record(model)
        layout = layout_of(record.json)
        if layout is None:
            raise ConfigError(f"the record of {model} has a type that columns cannot hold")
        predictor = predictors[model]
        rules = RecordRules(
            spec, record, max_ahead_ms=settings.max_ahead_s * 1_000, privacy_key=key, on_noted=_counter(model)
        )
        endpoints[model] = ModelEndpoint(spec, record, layout.arrow, predictor, SystemClock().now_ms, rules)
    return endpoints


def _counter(model: str) -> Callable[[Noted], None]:
    def count(noted: Noted) -> None:
        metrics.EXPECTATIONS.labels(model, noted.name, noted.column, noted.severity).inc(noted.rows)

    return count


def _server(
    app: object, lean: LeanRoute, settings: ServeSettings, stop: StopSignal, rest: AtRest, tls: ServerTls | None
) -> uvicorn.Server:
    http = lean_protocol(lean, Doors(settings.door_limits()))
    config = server_config(app, http=http, drain_s=settings.drain_s, lifespan="off", tls=tls)
    return _Server(config, tls, stop, rest)


class _Server(HttpServer):
    """uvicorn that watches our stop signal: it would raise the signal again after its end, and nothing would
    be flushed.
    """

    def __init__(self, config: uvicorn.Config, tls: ServerTls | None, stop: StopSignal, rest: AtRest) -> None:
        super().__init__(config, tls)
        self._stop_signal, self._rest = stop, rest

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        self._rest.turn()
        return await super().on_tick(counter) or self._stop_signal.is_set()
