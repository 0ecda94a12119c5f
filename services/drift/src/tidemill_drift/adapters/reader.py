"""The consumer group of *profile*: reads clean, predictions and labels of its partitions together.

Not transactional: profiles are written by an idempotent producer, then the low-water offsets of what is open are
committed, with each log's clock as metadata. A process that dies between both writes the same profiles again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from opentelemetry.trace import Tracer

from tidemill.contracts.events.profiles import Profile
from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.client.clients import admin, consumer_config
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.refusals import without_errors
from tidemill.kafka.partitions.lag import Lag
from tidemill.kafka.partitions.marks import Mark
from tidemill.kafka.partitions.resuming import log_bounds
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.kafka.runtime.gc_tuning import few_collections
from tidemill.service import Heartbeat
from tidemill.service.at_rest import AtRest
from tidemill.telemetry.tracing import batch_span
from tidemill_drift import metrics
from tidemill_drift.adapters.committed import place_of, to_commit
from tidemill_drift.adapters.given_up import GivenUp
from tidemill_drift.adapters.standing import Standing
from tidemill_drift.profiling import Profiling, Watched
from tidemill_drift.settings import DriftSettings
from tidemill_drift.spans import profile_headers
from tidemill_learning.drift.profiling.windows import Place

_log = logging.getLogger(__name__)

COMMITTED_WAIT_S = 30.0
WATERMARK_WAIT_S = 2.0
LOOK_FOR_END_S = 2.0
END_MARGIN_S = 10.0
"""What was appended to a partition so long before it was found read to its end, and the longest transaction, is read:
the broker's clock and ours differ, and it aborts transactions late.
"""


class ProfileReader:
    """Runs the loop: consume, fold, publish, commit."""

    def __init__(
        self,
        settings: DriftSettings,
        group: str,
        output_topic: str,
        profiling: Profiling,
        stop: threading.Event,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._output_topic = output_topic
        self._profiling = profiling
        self._stop = stop
        self._tracer = tracer
        self._group = group
        # Faust's client reads profiles, and of the codecs it has gzip without another library.
        gzip = settings.model_copy(update={"compression": "gzip"})
        self._publisher = Publisher(gzip, name="drift-profile")
        # `range` gives the same partition numbers of all topics to one member; cooperative-sticky does not.
        config = consumer_config(settings, group, partition_assignment_strategy="range", auto_offset_reset="error")
        self._consumer = Consumer(config)
        self._lag = Lag(group)
        self._hearing = Hearing(settings, lambda: next(iter(profiling.topics), None))
        self._standing = Standing(group, TopicIds(partial(admin, settings)))
        self._committed: dict[Partition, Place] = {}
        self._starts: dict[Partition, int] = {}
        self._last_seen: dict[Partition, float] = {}
        self._sealed: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._next_commit = self._next_look = 0.0
        self._moved = False
        self._rest = AtRest()
        self.heartbeat = Heartbeat()

    @property
    def assigned(self) -> bool:
        """Whether this member holds partitions."""
        return bool(self._last_seen)

    def take_up(self, models: Mapping[str, Watched]) -> None:
        """Profile these models, too, or as these say: between two turns, from any other thread. Windows that are open
        are made again from what is committed, as after a restart. Raises RetryLater.
        """
        self._rest.ask(lambda: self._take_up(models))

    def _take_up(self, models: Mapping[str, Watched]) -> None:
        self._consumer.unsubscribe()  # commits what may be, and drops the rest
        self._forget()
        self._profiling.take_up(models)
        self._subscribe()

    def _subscribe(self) -> None:
        hooks = {"on_assign": self._on_assign, "on_revoke": self._on_revoke, "on_lost": self._on_lost}
        self._consumer.subscribe(self._profiling.topics, **hooks)

    def run(self) -> None:
        """Reads until stopped. Raises FatalError where Kafka says that going on is no use, or answers others but
        not this client."""
        self._subscribe()
        try:
            with few_collections(), self._rest:  # what waits for labels is a million objects, without cycles
                while not self._stop.is_set():
                    self.heartbeat.beat()
                    self._turn()
            self._commit()
        finally:
            self._consumer.close()
            self._publisher.close()

    def _turn(self) -> None:
        linger = self._settings.batch_linger_ms / 1000
        self._moved = False
        self._rest.turn()
        fetched = self._consumer.consume(self._settings.batch_size, linger)
        self._hearing.listen(self._consumer, fetched)
        messages = without_errors(fetched, "profile")
        self._standing.note(fetched)
        if self._standing.astray.due and not self._moved:
            self._go_on()
            messages = [] if self._moved else messages  # all are read again
        if self._moved or self._standing.astray:  # what was fetched before may belong to others, or comes again
            messages = [message for message in messages if self._belongs(message)]
        batches = Batch.from_messages(messages)
        with batch_span(self._tracer, batches, self._group), metrics.FOLD_SECONDS.time():
            try:
                profiles = [profile for batch in batches for profile in self._fold(batch)]
            except GivenUp:
                self._profiling.drop()  # nothing of this turn is written: all is read again from what is committed
                return
        self._seen(messages)
        profiles += self._read_to_end()
        self._write(profiles + self._seals())
        self._hold_back()
        self._lag.tell(self._consumer, self._begun())
        if profiles or time.monotonic() >= self._next_commit:
            self._commit()

    def _go_on(self) -> None:
        """A log does not hold what comes next: all are begun again from what is committed, as after a restart. Of a log
        of which brokers do not say where it goes on, a later turn asks again: the others go on.
        """
        self._commit()
        places = {key: self._committed.get(key) for key in self._last_seen}
        astray = len(self._standing.astray)
        try:
            going = self._standing.go_on(self._consumer, places)
        except RetryLater as error:
            _log.warning("other logs are read first: %s", error)
            return
        if len(self._standing.astray) < astray:
            self._begin(self._consumer, places, going)

    def _begun(self) -> dict[Partition, int]:
        return {key: place.offset if (place := self._committed.get(key)) else 0 for key in self._last_seen}

    def _belongs(self, message: Message) -> bool:
        key = (message.topic(), message.partition())
        if key not in self._last_seen or key in self._standing.astray:
            return False
        return int(message.offset() or 0) >= self._starts.get(key, 0)

    def _fold(self, batch: Batch) -> list[Profile]:
        while not self._stop.is_set():
            try:
                return self._profiling.fold(batch)
            except RetryLater as error:
                _log.warning("waiting: %s", error)
                self.heartbeat.beat()
                self._stop.wait(error.delay_s)
                if self._rest.waiting:  # it may be what is waited for
                    raise GivenUp from error
        return []

    def _write(self, profiles: list[Profile]) -> None:
        if not profiles:
            return
        keys, values = self._profiling.encode(profiles)
        headers = [profile_headers(self._tracer, profile, self._profiling.links(profile)) for profile in profiles]
        while True:
            try:
                self._publisher.publish_all([Output(self._output_topic, values, keys, headers=headers)])
                return
            except RetryLater as error:
                _log.warning("profiles are not written yet: %s", error)
                if self._stop.wait(error.delay_s):
                    raise FatalError("stopped before its profiles were written: they will be rebuilt") from error

    def _commit(self) -> None:
        """Commits what has changed. Called only when all profiles before it are acknowledged."""
        self._next_commit = time.monotonic() + self._settings.commit_interval_s
        places = {key: place for key, place in self._profiling.places().items() if key in self._last_seen}
        changed = {key: place for key, place in places.items() if self._committed.get(key) != place}
        if not changed:
            return
        try:
            self._consumer.commit(offsets=to_commit(changed, self._standing.marks), asynchronous=False)
            self._committed |= changed
        except KafkaException as error:
            # A rebalance is on its way, or the broker is: state is rebuilt from the last commit, or the
            # next one succeeds.
            _log.warning("offsets are not committed: %s", error.args[0].str())

    def _seen(self, messages: list[Message]) -> None:
        now = time.monotonic()
        for key in {(message.topic(), message.partition()) for message in messages}:
            self._last_seen[key] = now  # type: ignore[index]
            self._sealed.discard(key)

    def _seals(self) -> list[Profile]:
        """Seals for partitions that have been read to their end and have had nothing new for a while."""
        limit = time.monotonic() - self._settings.seal_after_s
        idle = [k for k, seen in self._last_seen.items() if seen < limit and k not in self._sealed | self._paused]
        at_end = [key for key in idle if self._at_end(key)]
        self._sealed.update(at_end)
        self._last_seen.update(dict.fromkeys(idle, time.monotonic()))  # the next look is due as late again
        return [seal for key in at_end for seal in self._profiling.seals(*key)]

    def _read_to_end(self) -> list[Profile]:
        """Profiles of labels that waited only for predictions of REST: that there are none more in their time is also
        known where a partition has been read to its end.
        """
        if time.monotonic() < self._next_look:
            return []
        self._next_look = time.monotonic() + LOOK_FOR_END_S
        margin = END_MARGIN_S + self._settings.transaction_timeout_ms / 1000
        at_ms = round((time.time() - margin) * 1000)
        waiting = [key for key in self._profiling.awaits_rest() if key in self._last_seen]
        ended = [key for key in waiting if self._at_end(key)]
        return [profile for key in ended for profile in self._profiling.read_to_end(*key, at_ms)]

    def _at_end(self, key: Partition) -> bool:
        if key in self._standing.astray:
            return False  # what its log holds is not what is profiled
        try:
            low, high = log_bounds(self._consumer, key, WATERMARK_WAIT_S)
        except RetryLater:
            return False  # the broker is away: nothing can be said
        place = self._committed.get(key)
        position = self._consumer.position([TopicPartition(*key)])[0].offset
        if position < 0:  # nothing has come since it was assigned
            position = place.offset if place else low
        return position >= high

    def _hold_back(self) -> None:
        full = self._profiling.full() & set(self._last_seen)
        if pause := full - self._paused:
            self._consumer.pause([TopicPartition(*key) for key in pause])
        if resume := self._paused - full:
            self._consumer.resume([TopicPartition(*key) for key in resume])
        self._paused = full

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        committed = consumer.committed(partitions, timeout=COMMITTED_WAIT_S) if partitions else []
        places = {(tp.topic, tp.partition): place_of(tp) for tp in committed}
        marks = {(tp.topic, tp.partition): Mark.parse(tp.metadata) for tp in committed}
        self._begin(consumer, places, self._standing.begin(consumer, places, marks))
        _log.info("assigned %d partitions", len(places), extra={"partitions": len(places)})

    def _begin(
        self, consumer: Consumer, committed: Mapping[Partition, Place | None], going: Mapping[Partition, Place | None]
    ) -> None:
        """Begin all logs at these places. What differs from what is committed is committed next."""
        self._profiling.assign(going, self._standing.anew)
        self._committed = {key: place for key, place in committed.items() if place is not None and place == going[key]}
        lows = self._standing.lows
        self._starts = {
            key: max(self._profiling.begins(key[0], place), lows.get(key, 0))
            for key, place in going.items()
            if place is not None
        }
        self._last_seen = dict.fromkeys(going, time.monotonic())
        self._sealed, self._paused, self._moved = set(), set(), True
        consumer.assign([TopicPartition(*key, self._starts.get(key, OFFSET_BEGINNING)) for key in going])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit()
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget()

    def _forget(self) -> None:
        self._profiling.drop()
        self._committed, self._starts, self._last_seen = {}, {}, {}
        self._sealed, self._paused, self._moved = set(), set(), True
