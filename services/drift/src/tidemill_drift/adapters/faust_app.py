"""The Faust app of *detect*: a thin shell that hands profiles to the detectors and keeps their state in a
table.

Delivery is at least once. Faust acknowledges a profile only after what followed from it is stored and the
state is in the table, and the state knows which profiles it has taken in: so a repeat changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT
from opentelemetry.trace import Tracer

from tidemill.clock import Clock
from tidemill.codec import Codec
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import DeadLetter, FatalError, RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.headers import Headers
from tidemill.kafka.pass_through.aio import aiokafka_config
from tidemill.service import Heartbeat
from tidemill.service.at_rest import AtRest
from tidemill.telemetry.traceparent import sampled_contexts
from tidemill_drift import metrics
from tidemill_drift.adapters.champions import Champions, NewChampion
from tidemill_drift.adapters.faust_consumer import WholeTransport
from tidemill_drift.detector_host import ROLES, DetectorHost, count
from tidemill_drift.settings import DriftSettings
from tidemill_drift.silences import Arrivals, Silences
from tidemill_drift.spans import judge_span, outcome_headers
from tidemill_learning.drift.detection.detector import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
MAX_STATE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectContext:
    """What *detect* works with. `host` makes the detectors on a store: Faust's table; `models`: whose silences are
    told.
    """

    models: Sequence[str]
    settings: DriftSettings
    topics: TopicCatalog
    schemas: SchemaCatalog
    codec: Codec
    host: Callable[[Any], DetectorHost]
    champions: Champions
    publisher: Publisher
    tracer: Tracer
    arrivals: Arrivals
    clock: Clock


class DetectApp:
    """Runs Faust inside a running event loop until `stop` is set."""

    def __init__(self, context: DetectContext) -> None:
        settings, topics, schemas = context.settings, context.topics, context.schemas
        self._settings = settings
        self._topics = topics
        self._schemas = schemas
        self._codec = context.codec
        self._champions = context.champions
        self._publisher = context.publisher
        self._tracer = context.tracer
        self._failure: BaseException | None = None
        self.heartbeat = Heartbeat()
        self.ready = False
        # Faust wants a folder though its table is in memory.
        self._folder = tempfile.TemporaryDirectory(prefix="tidemill-detect-", ignore_cleanup_errors=True)
        group = topics.group(f"drift-detect-{settings.worker_set}")
        self._app = _app(settings, group, Path(self._folder.name))
        self._profile_schema = schemas.platform("profile")
        changelog = self._app.topic(
            topics.name("drift_state"),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=1,
            internal=True,
            acks=False,
            allow_empty=True,
        )
        self._table = self._app.Table(
            "drift", key_type=bytes, value_type=bytes, partitions=1, changelog_topic=changelog
        )
        self._host = context.host(self._table)
        self._silences = Silences(context.models, topics, context.arrivals, self._host.version)
        self._clock = context.clock
        profiles = self._app.topic(
            topics.name("profiles"), key_serializer="raw", value_serializer="raw", value_type=bytes
        )
        self.rest, self._taking = AtRest(), asyncio.Lock()  # to be entered around `run`
        self._app.agent(profiles, name="detect")(self._detect)
        self._app.task(self._send_again)

    def take_up(self, specs: Sequence[ModelSpec]) -> None:
        """Watch these models, too, or as these say: between two profiles, from any other thread. Raises RetryLater."""
        self.rest.ask(lambda: self._take_up(specs))

    def _take_up(self, specs: Sequence[ModelSpec]) -> None:
        models = [spec.name for spec in specs]
        self._host.take_up(specs)
        self._silences.take_up(models)
        self._champions.again(models)

    async def _renew(self) -> None:
        if not self.rest.waiting:
            return
        async with self._taking:
            self.rest.turn()
            self._set_champions(await self._patiently(self._champions.catch_up))

    async def run(self, stop: threading.Event) -> None:
        """Runs until stopped; raises what went wrong in the agent."""
        self._set_champions(await self._patiently(self._champions.catch_up))
        self._app.finalize()
        try:
            await self._app.start()
            next_look = 0.0
            while not stop.is_set() and self._failure is None and not self._app.should_stop:
                self.heartbeat.beat()
                await self._renew()
                if self.ready and time.monotonic() >= next_look:
                    await self._look_for_silence()
                    next_look = time.monotonic() + self._settings.look_for_silence_s
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await self._app.stop()
            self._folder.cleanup()
        if self._failure is not None:
            raise self._failure
        crash: BaseException | None = self._app.crash_reason
        if crash is not None and not stop.is_set():
            raise crash

    async def _detect(self, stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                self._check_order(event.message)
                message = event.message
                await self._take(event.value, int(message.timestamp * 1000), _traceparent(message.headers))
            except Exception as error:
                # Faust would log it and go on with the next profile: this one would be lost.
                self._host.forget()
                self._failure = error
                raise
            event.ack()

    def _check_order(self, message: Any) -> None:
        """Windows are merged in the order of the log: with a profile left out they would be others. It is not
        committed either, so a new process reads it.
        """
        expected = self._app.consumer.next.get(message.tp)
        if not self._app.consumer.follows(message.tp, message.offset):
            raise FatalError(f"Faust left out profiles {expected} to {message.offset - 1}: they must be read again")

    async def _take(self, value: bytes, appended_ms: int, traceparent: bytes | None) -> None:
        async with self._taking:
            self._set_champions(await self._patiently(self._champions.poll))
        try:
            profile = Profile.from_dict(self._codec.decode_one(value, self._profile_schema))
        except DeadLetter as error:
            metrics.UNREADABLE.labels("", "profiles").inc()
            _log.error("a profile cannot be read and is left out: %s", error)
            return
        model = profile.model
        while not self._host.knows(model) and self._schemas.coming():
            await asyncio.sleep(LOOK_EVERY_S)  # its file lies there, and is about to be taken up
        if not self._host.knows(model):
            return
        async with self._taking:
            await self._judge(profile, appended_ms, traceparent)

    async def _judge(self, profile: Profile, appended_ms: int, traceparent: bytes | None) -> None:
        model = profile.model
        with judge_span(self._tracer, model, traceparent):
            outcomes, state = self._host.apply(profile, appended_ms, traceparent.decode() if traceparent else None)
            count(outcomes)
            await self._write(model, outcomes)
        self._host.keep(model, state)

    async def _look_for_silence(self) -> None:
        """What is not written now is told by the next process: it is not known to be lost."""
        try:
            events = await asyncio.to_thread(self._silences.look, self._clock.now_ms())
        except RetryLater as error:
            _log.warning("whether events still come is not known: %s", error)
            return
        count(events)
        for event in events:
            await self._patiently(partial(self._publisher.publish_all, [self._output(event, None)]))

    async def _send_again(self) -> None:
        """Runs once the table is restored: whether the newest outcomes were stored is not known, and ids
        tell repeats.
        """
        for outcome in self._host.last():
            await self._write(outcome.model, [outcome])
        self.ready = True

    async def _write(self, model: str, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            with outcome_headers(self._tracer, model, self._host.traces(model)) as headers:
                outputs = [self._output(outcome, headers) for outcome in outcomes]
                await self._patiently(lambda: self._publisher.publish_all(outputs))

    def _output(self, outcome: Outcome, headers: Headers | None) -> Output:
        role = ROLES[type(outcome)]
        value = self._codec.encode_one(outcome.to_dict(), self._schemas.for_topic(role))
        return Output(self._topics.name(role), [value], [outcome.model.encode()], headers=[headers])

    def _set_champions(self, new: Sequence[NewChampion]) -> None:
        for published, reference in new:
            self._host.set_champion(published, reference)

    async def _patiently(self, call: Callable[[], Any]) -> Any:
        """The result of a blocking call, repeated for as long as its dependency is away."""
        while True:
            try:
                return await asyncio.to_thread(call)
            except RetryLater as error:
                _log.warning("waiting: %s", error)
                self.heartbeat.beat()
                await asyncio.sleep(error.delay_s)


def _app(settings: DriftSettings, group: str, folder: Path) -> Any:
    brokers = ";".join(f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(","))
    app = faust.App(
        group,
        broker=brokers,
        store="memory://",
        datadir=folder,
        processing_guarantee="at_least_once",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,  # topics are made from schemas/topics.yaml, never by Faust's ideas
        topic_disable_leader=True,
        producer_acks=-1,
        producer_max_request_size=MAX_STATE_BYTES,
        producer_compression_type="gzip",
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.heartbeat_ms / 1000,
        broker_commit_interval=1.0,
        broker_credentials=credentials(aiokafka_config(settings.kafka_client)),
        stream_wait_empty=False,
        table_standby_replicas=0,
    )
    app.transport = WholeTransport(app.conf.broker_consumer, app)
    return app


def _traceparent(headers: Any) -> bytes | None:
    """The sampled trace context among Faust's headers (pairs, or a mapping)."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers or ())
    found = sampled_contexts([pairs])
    return found.get(0)


def credentials(aio: Mapping[str, Any]) -> CredentialsT | None:
    """aiokafka's arguments as Faust's credentials; None where the brokers ask for none."""
    tls = aio.get("ssl_context")
    if "sasl_oauth_token_provider" in aio:
        return OAuthCredentials(oauth_cb=aio["sasl_oauth_token_provider"], ssl_context=tls)
    if "sasl_mechanism" in aio:
        return SASLCredentials(
            username=aio["sasl_plain_username"],
            password=aio["sasl_plain_password"],
            ssl_context=tls,
            mechanism=aio["sasl_mechanism"],
        )
    return SSLCredentials(tls) if tls is not None else None
