"""*collect*: clean rows, labels and REST inputs of all models into their training tables.

Start offsets come from the tables, never from Kafka, so the consumer has no group and commits nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.clients import consumer_config
from tidemill.kafka.lagging import Lag
from tidemill.service import Heartbeat
from tidemill_trainer.model_rows import ModelRows
from tidemill_trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

log = logging.getLogger(__name__)

ROLES = ("clean", "labels", "predictions")


class Collector:
    """The loop of the *collect* thread. ``after_commit`` is told the model whose table has grown."""

    def __init__(
        self,
        settings: TrainerSettings,
        group: str,
        models: Sequence[ModelRows],
        partitions: dict[str, int],
        after_commit: Callable[[ModelRows], None],
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self._settings = settings
        self._group = group
        self._models = models
        self._partitions = partitions
        self._by_topic = {topic: model for model in models for topic in model.topics}
        self._after_commit = after_commit
        self._stop = stop
        self._heartbeat = heartbeat
        self._lag = Lag(group)
        self._begun: dict[tuple[str, int], int] = {}
        self.assigned = False

    def run(self) -> None:
        """Collect until stopped; what waits then is committed. Raises ``FatalError`` where Kafka refuses for
        good.
        """
        from confluent_kafka import Consumer

        buffer = self._settings.collect_buffer_kb
        consumer = Consumer(
            consumer_config(
                self._settings,
                self._group,
                **{
                    "queued.max.messages.kbytes": buffer,
                    "queued.min.messages": 2 * self._settings.collect_fetch,
                },
            )
        )
        try:
            for model in self._models:
                model.load_counts()
                self._after_commit(model)
            positions = self._positions()
            self._begun = {(tp.topic, tp.partition): max(tp.offset, 0) for tp in positions}
            consumer.assign(positions)
            self.assigned = True
            while not self._stop.is_set():
                self._turn(consumer)
            for model in self._models:
                model.commit()
        finally:
            self.assigned = False
            consumer.close()

    def _positions(self) -> list[TopicPartition]:
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        ends = {partition: end for model in self._models for partition, end in model.table.ends().items()}
        return [
            TopicPartition(topic, number, ends.get((topic, number), OFFSET_BEGINNING))
            for topic in self._by_topic
            for number in range(self._partitions[topic])
        ]

    def _turn(self, consumer: Consumer) -> None:
        messages = consumer.consume(self._settings.collect_fetch, timeout=self._settings.poll_s)
        self._lag.tell(consumer, self._begun)
        for batch in Batch.from_messages(_good(messages)):
            self._patiently(lambda batch=batch: self._by_topic[batch.topic].add(batch))  # type: ignore[misc]
        for model in self._models:
            if model.due(self._settings.collect_every_s, self._settings.collect_rows):
                self._patiently(model.commit)
                self._after_commit(model)
        self._heartbeat.beat()

    def _patiently(self, work: Callable[[], object]) -> None:
        """Try until it works or the process stops: a batch is never left out because a dependency is away."""
        while not self._stop.is_set():
            try:
                work()
                return
            except RetryLater as error:
                log.warning("collect waits %.1f s: %s", error.delay_s, error)
                self._heartbeat.beat()
                self._stop.wait(error.delay_s)


def _good(messages: list[Message]) -> list[Message]:
    """The records among what ``consume`` gave; a fatal error ends the process, a passing one is logged."""
    good = []
    for message in messages:
        error = message.error()
        if error is None:
            good.append(message)
        elif error.fatal():
            raise FatalError(f"Kafka refuses collect: {error.str()}")
        else:
            log.warning("collect: %s", error.str())
    return good
