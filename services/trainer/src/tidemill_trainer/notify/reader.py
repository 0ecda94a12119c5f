"""The loop of the *notify* thread: events from their topics become notices in SQL, from which channels send them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tidemill.codec import Codec
from tidemill.contracts.events.platform import DriftEvent, ModelRelease, RetrainRun
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.headers import TRACEPARENT, find
from tidemill.notify.notice import Kind, Notice
from tidemill.service import Heartbeat
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_trainer import metrics
from tidemill_trainer.notify.events import Teller, of_kinds
from tidemill_trainer.notify.store import NoticeStore, Position
from tidemill_trainer.release.topic_reader import TopicReader, headers_of, position

if TYPE_CHECKING:
    from confluent_kafka import Message

_log = logging.getLogger(__name__)

TIDY_EVERY_S = 3_600.0
Tell = Callable[[Mapping[str, Any], str], list[Notice]]


@dataclass(kw_only=True)
class NoticeReader:
    """Takes each event once: a notice stands in SQL with the offset behind it. `partitions`: of the topics, by name;
    `tells`: how the datum of a topic is read, and what is told of it; `channels`: what each of them is told.
    """

    reader: TopicReader
    store: NoticeStore
    codec: Codec
    partitions: Mapping[str, int]
    tells: Mapping[str, tuple[Schema, Tell]]
    channels: Mapping[str, frozenset[Kind]]
    poll_s: float
    stop: threading.Event
    heartbeat: Heartbeat
    positions: dict[Partition, Position] | None = None
    tidied: float = float("-inf")

    def run(self) -> None:
        """Read until stopped. Without channels nothing is read, and later ones begin when they are there."""
        try:
            while not self.stop.is_set():
                try:
                    self._turn()
                except RetryLater as error:
                    _log.warning("notify tries again: %s", error)
                    self.stop.wait(error.delay_s)
                self.heartbeat.beat()
        finally:
            self.reader.close()

    def _turn(self) -> None:
        if time.monotonic() - self.tidied > TIDY_EVERY_S:
            self._tidy()
        if not self.channels:
            self.stop.wait(1.0)
            return
        if self.positions is None:
            self.positions = self.store.begin(
                (t, number) for t, count in self.partitions.items() for number in range(count)
            )
        messages = self.reader.poll(self.poll_s)
        try:
            self._take(messages, self.positions)
        except RetryLater:
            self.reader.rewind(messages)
            raise
        for message in {position(message)[:2]: message for message in messages}.values():
            self.reader.commit(message)

    def _take(self, messages: list[Message], known: dict[Partition, Position]) -> None:
        moved, found = dict[Partition, Position](), list[Notice]()
        for message in messages:
            topic, number, offset = position(message)
            topic_id, place = self.reader.topic_id(message), moved.get((topic, number), known[topic, number])
            if place.is_new(offset, message.timestamp()[1], topic_id):
                found += self._notices(topic, message)
            moved[topic, number] = replace(place, next_offset=offset + 1, topic_id=topic_id or place.topic_id)
        wanted = [(name, notice) for name, kinds in self.channels.items() for notice in of_kinds(found, kinds)]
        if moved:
            self.store.take(wanted, moved)
            known |= moved

    def _notices(self, topic: str, message: Message) -> list[Notice]:
        """What is told of a record; nothing of one that cannot be read. Raises RetryLater while its schema cannot be
        had.
        """
        schema, tell = self.tells[topic]
        try:
            datum = self.codec.decode_one(message.value(), schema)
        except DeadLetter as error:
            _log.error("a record of %s cannot be read, and nobody is told of it: %s", topic, error)
            return []
        parsed = parse_traceparent(find(headers_of(message), TRACEPARENT))
        return tell(datum, f"{parsed[0]:032x}" if parsed else "")

    def _tidy(self) -> None:
        for channel, count in self.store.tidy(self.channels).items():
            metrics.NOTICES.labels(channel, "given_up").inc(count)
            _log.error(
                "%d notices that wait for %s are given up: it is not set any more, or failed for 30 days",
                count,
                channel,
            )
        self.tidied = time.monotonic()


def tells_of(
    names: Mapping[str, str], schemas: Callable[[str], Schema], teller: Teller
) -> dict[str, tuple[Schema, Tell]]:
    """How each topic is read. `names`: topics by role; `schemas`: the platform's, by name."""
    return {
        names["retrain_runs"]: (schemas("retrain-run"), lambda d, t: teller.of_run(RetrainRun.from_dict(d), t)),
        names["model_releases"]: (
            schemas("model-release"),
            lambda d, t: teller.of_release(ModelRelease.from_dict(d), t),
        ),
        names["drift_events"]: (schemas("drift-event"), lambda d, t: teller.of_drift(DriftEvent.from_dict(d), t)),
    }
