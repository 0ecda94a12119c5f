"""Follows what is told of a trial: reports of both arms, and profiles with comparisons on labels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tidemill.codec import Codec
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.events.trials import ArmReport
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.client.bounded import groupless_consumer, partitions_of, split_errors, watermarks
from tidemill.settings import KafkaSettings
from tidemill_trainer.release.trial.evidence import Trial

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

_log = logging.getLogger(__name__)

ROLES = ("arm_reports", "profiles")
MOST = 1_000
SLACK_MS = 60_000
"""Clocks of trainer and brokers may differ by so much; what is too early is told by its epoch."""

REQUEST_S = 10.0


class TrialFollower:
    """Everything about one trial since it began; a new process reads it again from there. Not thread-safe."""

    def __init__(
        self, settings: KafkaSettings, catalog: TopicCatalog, codec: Codec, schemas: SchemaCatalog, trial: Trial
    ) -> None:
        self.trial = trial
        self._settings = settings
        self._codec = codec
        self._schemas = {catalog.name(role): schemas.for_topic(role) for role in ROLES}
        self._reports = catalog.name(ROLES[0])
        self._consumer: Consumer | None = None
        self._behind: set[str] = set(self._schemas)

    @property
    def caught_up(self) -> bool:
        """Both topics have been read to their ends since the process began."""
        return not self._behind

    def poll(self) -> None:
        """Take in what has come. Raises RetryLater while brokers are away."""
        from confluent_kafka import KafkaError

        consumer = self._connected()
        messages = consumer.consume(MOST, 0.0 if self.caught_up else 0.2)
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard(str(message.topic()))
        for message in split_errors(messages)[0]:
            self._take(message)

    def close(self) -> None:
        """Release the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _take(self, message: Message) -> None:
        value, topic = message.value(), str(message.topic())
        if value is None:
            return
        try:
            datum = self._codec.decode_one(value, self._schemas[topic])
        except DeadLetter as error:
            _log.error("%s at %s cannot be read and is passed over: %s", topic, message.offset(), error)
            return
        if topic == self._reports:
            self.trial.add_report(ArmReport.from_dict(datum))
        else:
            self.trial.add_profile(Profile.from_dict(datum))

    def _connected(self) -> Consumer:
        if self._consumer is None:
            consumer = groupless_consumer(self._settings, "trainer-trial")
            try:
                consumer.assign([place for topic in self._schemas for place in self._places(consumer, topic)])
            except BaseException:
                consumer.close()
                raise
            self._consumer = consumer
        return self._consumer

    def _places(self, consumer: Consumer, topic: str) -> list[TopicPartition]:
        """Where each partition stood when the trial began; its end where nothing has come since."""
        from confluent_kafka import KafkaException, TopicPartition

        ends = watermarks(consumer, topic, partitions_of(consumer, topic))
        since = self.trial.started_ms - SLACK_MS
        try:
            found = consumer.offsets_for_times([TopicPartition(topic, number, since) for number in ends], REQUEST_S)
        except KafkaException as error:
            raise RetryLater(f"{topic}: {error.args[0].str()}") from error
        for place in found:
            if place.offset < 0:
                place.offset = ends[place.partition][1]
        placed: list[TopicPartition] = found
        return placed
