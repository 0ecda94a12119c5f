"""The consumer group of *profile*: reads clean, predictions and labels of its partitions together.

Not transactional: profiles are written by an idempotent producer, then the low-water offsets of what is
open are committed, with each log's clock as metadata. A process that dies between both writes the same
profiles again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from opentelemetry.trace import Tracer

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.clients import consumer_config
from tidemill.kafka.lagging import Lag
from tidemill.kafka.publisher import Publisher
from tidemill.service import Heartbeat
from tidemill.telemetry.tracing import batch_span
from tidemill_drift import metrics
from tidemill_drift.profiling import Profiling
from tidemill_drift.settings import DriftSettings
from tidemill_drift.spans import profile_headers
from tidemill_learning.drift.partition import Profile
from tidemill_learning.drift.windows import LabelCounts, Place, RestPlace

_log = logging.getLogger(__name__)

COMMITTED_WAIT_S = 30.0
WATERMARK_WAIT_S = 2.0
LOOK_FOR_END_S = 2.0
END_MARGIN_S = 10.0
"""What was appended to a partition so long before it was found read to its end, and the longest transaction, is read:
the broker's clock and ours differ, and it aborts transactions late.
"""
Key = tuple[str, int]


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
        config = consumer_config(settings, group, partition_assignment_strategy="range")
        self._consumer = Consumer(config)
        self._lag = Lag(group)
        self._committed: dict[Key, Place] = {}
        self._starts: dict[Key, int] = {}
        self._last_seen: dict[Key, float] = {}
        self._sealed: set[Key] = set()
        self._paused: set[Key] = set()
        self._next_commit = self._next_look = 0.0
        self._moved = False
        self.heartbeat = Heartbeat()

    @property
    def assigned(self) -> bool:
        """Whether this member holds partitions."""
        return bool(self._last_seen)

    def run(self) -> None:
        """Reads until stopped. Raises FatalError where Kafka says that going on is no use."""
        self._consumer.subscribe(
            self._profiling.topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        try:
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
        messages = _without_errors(self._consumer.consume(self._settings.batch_size, linger))
        if self._moved:  # what was fetched before the rebalance may belong to others, or comes again
            messages = [message for message in messages if self._belongs(message)]
        batches = Batch.from_messages(messages)
        with batch_span(self._tracer, batches, self._group), metrics.FOLD_SECONDS.time():
            profiles = [profile for batch in batches for profile in self._fold(batch)]
        self._seen(messages)
        profiles += self._read_to_end()
        self._write(profiles + self._seals())
        self._hold_back()
        self._lag.tell(self._consumer, self._begun())
        if profiles or time.monotonic() >= self._next_commit:
            self._commit()

    def _begun(self) -> dict[Key, int]:
        return {key: place.offset if (place := self._committed.get(key)) else 0 for key in self._last_seen}

    def _belongs(self, message: Message) -> bool:
        key = (message.topic(), message.partition())
        if key not in self._last_seen:
            return False
        return int(message.offset() or 0) >= self._starts.get(key, 0)

    def _fold(self, batch: Batch) -> list[Profile]:
        while not self._stop.is_set():
            try:
                return self._profiling.fold(batch)
            except RetryLater as error:
                _log.warning("waiting: %s", error)
                self._stop.wait(error.delay_s)
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
            self._consumer.commit(offsets=_to_commit(changed), asynchronous=False)
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

    def _at_end(self, key: Key) -> bool:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*key), timeout=WATERMARK_WAIT_S)
        except KafkaException:
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
        places = {(tp.topic, tp.partition): _place(tp) for tp in committed}
        self._profiling.assign(places)
        self._committed = {key: place for key, place in places.items() if place is not None}
        self._starts = {key: self._profiling.begins(key[0], place) for key, place in self._committed.items()}
        self._last_seen = dict.fromkeys(places, time.monotonic())
        self._sealed, self._paused, self._moved = set(), set(), True
        consumer.assign([TopicPartition(*key, self._starts.get(key, OFFSET_BEGINNING)) for key in places])
        _log.info("assigned %d partitions", len(places), extra={"partitions": len(places)})

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit()
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._profiling.drop()
        self._committed, self._starts, self._last_seen = {}, {}, {}
        self._sealed, self._paused, self._moved = set(), set(), True


def _without_errors(messages: Iterable[Message]) -> list[Message]:
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.fatal():
            raise FatalError(f"Kafka: {error.str()}")
        else:
            _log.warning("Kafka: %s", error.str())
    return records


def _to_commit(places: Mapping[Key, Place]) -> list[TopicPartition]:
    return [
        TopicPartition(topic, partition, place.offset, metadata=_metadata(place))
        for (topic, partition), place in places.items()
    ]


def _metadata(place: Place) -> str:
    told: dict[str, object] = {"clock": place.clock, "window": place.window}
    if place.labels.to:
        told["labels"] = asdict(place.labels)  # `tidemill status` and `quality` read it there
    if place.rest is not None:
        told["rest"] = asdict(place.rest)
    return json.dumps(told)


def _place(committed: TopicPartition) -> Place | None:
    """The committed place of a log; None where there is none, or one without a clock (of another program)."""
    if committed.offset < 0:
        return None
    try:
        metadata = json.loads(committed.metadata or "")
        clock, window = int(metadata["clock"]), int(metadata["window"])
        return Place(
            committed.offset, clock, window, _label_counts(metadata.get("labels")), _rest(metadata.get("rest"))
        )
    except (ValueError, KeyError, TypeError):
        return None


def _rest(told: object) -> RestPlace | None:
    return RestPlace(**{name: int(value) for name, value in told.items()}) if isinstance(told, dict) else None


def _label_counts(told: object) -> LabelCounts:
    if not isinstance(told, dict):
        return LabelCounts()
    return LabelCounts(int(told["to"]), int(told["labels"]), int(told["orphans"]), tuple(map(int, told["newest"])))
