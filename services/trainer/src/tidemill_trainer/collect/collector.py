"""*collect*: clean rows, labels and REST inputs of all models into their training tables.

Start offsets come from the tables, never from Kafka, so the consumer has no group and commits nothing. What the
topics do not hold any more, or hold anew, is found by `places`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Partition
from tidemill.kafka.client.clients import admin, consumer_config
from tidemill.kafka.client.hearing import Hearing
from tidemill.kafka.client.refusals import without_errors
from tidemill.kafka.partitions.lag import Lag
from tidemill.kafka.partitions.topic_ids import TopicIds
from tidemill.service import Heartbeat
from tidemill.service.at_rest import AtRest
from tidemill_trainer import metrics
from tidemill_trainer.collect.news import News
from tidemill_trainer.collect.positions import Places
from tidemill_trainer.collect.row_buffer import ModelRows
from tidemill_trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from confluent_kafka import Consumer

_log = logging.getLogger(__name__)

ROLES = ("clean", "labels", "predictions")
COUNT_EVERY_S = 30.0
"""How often it is asked whether topics have got more partitions: as often as a consumer of a group finds out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorContext:
    """What the *collect* thread works with.

    `after_commit` is told the model whose table has grown. `count`: asked now and then whether topics have more
    partitions than at the start; it raises RetryLater. `grown` is told the model whose have, before the first of their
    records.
    """

    settings: TrainerSettings
    group: str
    models: Sequence[ModelRows]
    partitions: Mapping[str, int]
    after_commit: Callable[[ModelRows], None]
    stop: threading.Event
    heartbeat: Heartbeat
    count: Callable[[], dict[str, int]] | None = None
    grown: Callable[[ModelRows], None] = lambda model: None


class Collector:
    """The loop of the *collect* thread."""

    def __init__(self, context: CollectorContext) -> None:
        self._settings = context.settings
        self._group = context.group
        self._models = list(context.models)
        self._rest = AtRest()
        self._by_topic = {topic: model for model in context.models for topic in model.topics}
        self._news = News(context.after_commit)
        self._stop = context.stop
        self._heartbeat = context.heartbeat
        self._counted = context.partitions
        self._count, self._grown = context.count, context.grown
        self._asked_s = time.monotonic()
        self._lag = Lag(context.group)
        self._places = Places(context.group, self._by_topic, TopicIds(partial(admin, context.settings)))
        self._hearing = Hearing(context.settings, lambda: next(iter(self._by_topic), None))
        self._consumer: Consumer | None = None
        self._all_added = True
        self.assigned = False
        self.waits_for: str | None = None

    def unready(self) -> str | None:
        """Why it does not collect now; None where it does."""
        return self.waits_for or (None if self.assigned else "collect has no partitions yet")

    def run(self) -> None:
        """Collect until stopped; what waits then is committed. Raises `FatalError` where Kafka refuses for
        good, or answers others but not this client.
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
                    "auto.offset.reset": "error",
                },
            )
        )
        self._consumer = consumer
        try:
            with self._rest:
                for model in self._models:
                    self.patiently(model.load_counts)
                    self._news.of(model)
                self.assigned = self.patiently(lambda: self._places.begin(consumer, self._counted))
                while not self._stop.is_set():
                    self.turn(consumer)
            self.finish(consumer)
        finally:
            self.assigned, self._consumer = False, None
            consumer.close()

    def take_up(self, models: Sequence[ModelRows]) -> None:
        """Collect these models, too, or as these say: between two turns, from any other thread. Raises RetryLater."""
        self._rest.ask(lambda: self._take_up(models))

    def _take_up(self, models: Sequence[ModelRows]) -> None:
        """What waits of a model that has changed goes in first, as it was read."""
        now = {model.spec.name: model for model in self._models}
        for model in models:
            if model.spec.name in now:
                model.follow(now[model.spec.name])
            model.load_counts()
        for model in models:
            now[model.spec.name] = model
            self._by_topic.update(dict.fromkeys(model.topics, model))
            self._news.of(model)
        self._models = list(now.values())
        self._counted = {**dict.fromkeys(self._by_topic, 0), **self._counted}
        self._asked_s = -COUNT_EVERY_S  # what topics they have is asked at once

    def _look(self) -> None:
        """Now and then: collect what was added to the topics' partitions, or has come with a topic."""
        if self._count is None or time.monotonic() - self._asked_s < COUNT_EVERY_S:
            return
        self._asked_s = time.monotonic()
        try:
            added = self._places.missing(self._count())
        except RetryLater as error:
            _log.info("partitions are not known now: %s", error)
            return
        if added:
            self._widen(added)

    def _widen(self, added: Collection[Partition]) -> None:
        for model in self._models:
            mine = [place for place in added if place[0] in model.topics]
            if mine:
                model.table.add_partitions(mine)
                self._grown(model)
        self._places.add(added)
        _log.info("collects %d more partitions", len(added), extra={"topics": sorted({topic for topic, _ in added})})

    def turn(self, consumer: Consumer) -> None:
        """One turn of the loop: take what is read by now, and commit what is due. Waits as `patiently` does."""
        self._rest.turn()
        self._look()
        messages = consumer.consume(self._settings.collect_fetch, timeout=self._settings.poll_s)
        self._hearing.listen(consumer, messages)
        self._lag.tell(consumer, {partition: max(at, 0) for partition, at in self._places.begun.items()})
        for batch in Batch.from_messages(without_errors(messages, "collect")):
            added = self.patiently(lambda batch=batch: self._by_topic[batch.topic].add(batch))  # type: ignore[misc]
            self._all_added = self._all_added and added
        self._places.note(consumer, messages)
        self._go_on(consumer)
        for model in self._models:
            if model.due(self._settings.collect_every_s, self._settings.collect_rows):
                self.patiently(lambda model=model: self._commit(consumer, model))  # type: ignore[misc]
                self._news.of(model)
        self._news.tell()
        self._heartbeat.beat()

    def _go_on(self, consumer: Consumer) -> None:
        """Begin elsewhere what is astray, as far as brokers tell where; a later turn asks for the rest, and other
        partitions go on. What waits was read before that, and goes in first.
        """
        try:
            found = self._places.find(consumer)
        except RetryLater as error:
            _log.warning("collect goes on with other topics first: %s", error)
            return
        for model in (model for model in self._models if model.topics.keys() & found.topics):
            self.patiently(model.commit)
            self._news.of(model)
        if not self._stop.is_set():
            self.patiently(lambda: self._places.take(consumer, found))

    def _commit(self, consumer: Consumer, model: ModelRows) -> None:
        if self._all_added and model.waiting:
            model.reach(self._places.positions(consumer, model.topics))
        model.commit()

    def finish(self, consumer: Consumer) -> None:
        """Commit what waits at a stop, once: what cannot be committed now is read again after the next start."""
        for model in self._models:
            try:
                self._commit(consumer, model)
            except RetryLater as error:
                _log.warning("%d rows are not in yet, and are read again: %s", model.waiting, error)

    def patiently(self, work: Callable[[], object]) -> bool:
        """Try until it works or the process stops (then False): a batch is never left out because a dependency is
        away.
        """
        while not self._stop.is_set():
            try:
                work()
                if self.waits_for:
                    _log.info("collect goes on: it had waited because %s", self.waits_for)
                self._wait_for(None)
                return True
            except RetryLater as error:
                self._wait_for(str(error))
                _log.warning("collect waits %.1f s: %s", error.delay_s, error)
                self._heartbeat.beat()
                self._stop.wait(error.delay_s)
                if self._consumer is not None:
                    self._hearing.check(self._consumer)
                self._rest.turn()  # what is asked may be what is waited for
        return False

    def _wait_for(self, reason: str | None) -> None:
        self.waits_for = reason
        metrics.COLLECT_WAITS.set(reason is not None)
