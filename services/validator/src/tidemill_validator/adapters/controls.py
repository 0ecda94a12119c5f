"""Which raw topics are paused: said on the validators' control topic, so that every worker and every restart knows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from tidemill.codec import Codec
from tidemill.contracts.events.controls import ValidatorControl
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import DeadLetter, RetryLater
from tidemill.ids import uuid7
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.kafka.client.publisher import Publisher
from tidemill.settings import KafkaSettings
from tidemill_validator.paused import Stream

EVERY_S = 0.25
CATCH_UP_S = 10.0

_log = logging.getLogger(__name__)


class Controls:
    """Follows the control topic and writes to it. For one thread, the worker's.

    `newest`: the newest control of each stream, as read so far.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        codec: Codec,
        schema: Schema,
        worker: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._reader = BroadcastReader(settings, topic, name="controls")
        self._publisher = Publisher(settings, name=f"controls-{worker}")
        self._topic, self._codec, self._schema = topic, codec, schema
        self._worker, self._now_ms = worker, now_ms
        self._asked = 0.0
        self.newest: dict[Stream, ValidatorControl] = {}

    def catch_up(self) -> Mapping[Stream, ValidatorControl]:
        """The newest control of each stream, as the topic says now. Raises RetryLater without brokers."""
        self._note(self._reader.catch_up(CATCH_UP_S))
        return self.newest

    def poll(self) -> bool:
        """Looks for news, now and then; whether there are any."""
        if time.monotonic() - self._asked < EVERY_S:
            return False
        self._asked = time.monotonic()
        return self._note(self._reader.poll(0.0))

    def pause(self, stream: Stream, reason: str) -> None:
        """Say, for all workers and restarts, that a stream is paused. Raises RetryLater without brokers."""
        control = self._control(stream, reason)
        self.newest[stream] = control
        try:
            self._publish(control)
        except RetryLater:
            del self.newest[stream]  # not said yet: the same flood says it again
            raise

    def _control(self, stream: Stream, reason: str) -> ValidatorControl:
        return ValidatorControl(
            control_id=uuid7(), model=stream[0], role=stream[1], action="paused", admitted=(), by=self._worker,
            reason=reason, at=self._now_ms(),
        )  # fmt: skip

    def _publish(self, control: ValidatorControl) -> None:
        value = self._codec.encode_one(control.to_dict(), self._schema, self._topic)
        self._publisher.publish(self._topic, value, key=control.model.encode())

    def close(self) -> None:
        self._reader.close()
        self._publisher.close()

    def _note(self, batches: list[Batch]) -> bool:
        known = dict(self.newest)
        for value in (value for batch in batches for value in batch.values if value is not None):
            try:
                control = ValidatorControl.from_dict(self._codec.decode_one(value, self._schema))
            except DeadLetter as error:
                _log.error("a record on %s is no control: %s", self._topic, error.reason)
                continue
            self.newest[control.model, control.role] = control
        return self.newest != known
