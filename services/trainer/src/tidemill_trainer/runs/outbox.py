"""Sends the run events and the alarms of label time that SQL holds. After a crash an event may be sent again: readers
drop repeats by its id.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tidemill.codec import Codec
from tidemill.contracts.events.platform import DriftEvent
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.headers import TRACEPARENT
from tidemill.service import Heartbeat
from tidemill_trainer import metrics
from tidemill_trainer.runs.store import Outgoing, RunStore

if TYPE_CHECKING:
    from tidemill.kafka.client.publisher import Publisher

_log = logging.getLogger(__name__)


class Alarms(Protocol):
    """Where alarms wait."""

    def untold(self) -> list[tuple[int, DriftEvent]]: ...
    def mark_told(self, rows: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxContext:
    """What the *publish* thread works with. `topic`: retrain-runs; `alarms_topic`: drift-events; `poll_s`: how long it
    waits where nothing is to be sent, in s.
    """

    store: RunStore
    alarms: Alarms
    alarms_topic: str
    publisher: Publisher
    codec: Codec
    schemas: SchemaCatalog
    topic: str
    poll_s: float
    stop: threading.Event
    heartbeat: Heartbeat


class Outbox:
    """The loop of the *publish* thread."""

    def __init__(self, context: OutboxContext) -> None:
        self._store = context.store
        self._alarms = context.alarms
        self._alarm_schema = context.schemas.platform("drift-event")
        self._alarms_topic = context.alarms_topic
        self._publisher = context.publisher
        self._codec = context.codec
        self._schema = context.schemas.platform("retrain-run")
        self._topic = context.topic
        self._poll_s = context.poll_s
        self._stop = context.stop
        self._heartbeat = context.heartbeat

    def run(self) -> None:
        """Send until stopped."""
        while not self._stop.is_set():
            try:
                sent = self.send()
            except RetryLater as error:
                _log.warning("run events wait: %s", error)
                self._stop.wait(error.delay_s)
                sent = 0
            self._heartbeat.beat()
            if not sent:
                self._stop.wait(self._poll_s)

    def send(self) -> int:
        """Send what is waiting and note it as sent; gives how many. Raises `RetryLater`."""
        return self._send_runs() + self._send_alarms()

    def _send_alarms(self) -> int:
        waiting = self._alarms.untold()
        if waiting:
            values = [self._codec.encode_one(event.to_dict(), self._alarm_schema) for _, event in waiting]
            keys = [event.model.encode() for _, event in waiting]
            self._publisher.publish_all([Output(topic=self._alarms_topic, values=values, keys=keys)])
            self._alarms.mark_told([row for row, _ in waiting])
        return len(waiting)

    def _send_runs(self) -> int:
        waiting = self._store.unsent()
        if not waiting:
            return 0
        self._publisher.publish_all([self._output(waiting)])
        self._store.mark_sent([one.id for one in waiting])
        for one in waiting:
            metrics.EVENTS_PUBLISHED.labels(one.event.model).inc()
            metrics.RUN_EVENTS.labels(one.event.model, one.event.state).inc()
        return len(waiting)

    def _output(self, waiting: list[Outgoing]) -> Output:
        return Output(
            topic=self._topic,
            values=[self._codec.encode_one(one.event.to_dict(), self._schema) for one in waiting],
            keys=[one.event.model.encode() for one in waiting],
            headers=[[(TRACEPARENT, one.traceparent.encode())] for one in waiting],
        )
