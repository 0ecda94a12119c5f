"""Records to a topic: idempotent, partitioned as Java does, each acknowledged or an error raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tidemill.errors import TidemillError
from tidemill.kafka.headers import Headers

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from tidemill.settings import KafkaSettings

FULL_QUEUE_POLL_S = 0.1


class NotDelivered(TidemillError):
    """The broker did not acknowledge records; the message gives the first reason and how many."""


class Sender:
    """Sends records; `flush` returns only when everything given to `send` is stored, and raises NotDelivered
    otherwise.
    """

    def __init__(self, settings: KafkaSettings, name: str, **over: Any) -> None:
        from confluent_kafka import Producer

        from tidemill.kafka.clients import producer_config

        config = producer_config(settings, **over)
        config |= {"client.id": f"{settings.prefix}{name}", "delivery.report.only.error": True}
        self._producer = Producer({**config, "on_delivery": self._refused})
        self._failed = 0
        self._first_error = ""
        self.sent = 0

    def send(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes],
        headers: Sequence[Headers | None],
    ) -> None:
        """Queues records; waits while the queue is full. The columns are aligned."""
        produce = self._producer.produce
        for key, value, record_headers in zip(keys, values, headers, strict=True):
            while True:
                try:
                    produce(topic, value, key, headers=record_headers)  # type: ignore[arg-type]
                    break
                except BufferError:
                    self._producer.poll(FULL_QUEUE_POLL_S)
        self.sent += len(values)
        self._producer.poll(0)
        self._raise_failures()

    def waiting(self) -> int:
        """Records not yet acknowledged."""
        return len(self._producer)

    def flush(self, timeout_s: float = 60.0) -> None:
        """Waits until everything is acknowledged. Raises NotDelivered for refusals and when `timeout_s` runs
        out.
        """
        left = self._producer.flush(timeout_s)
        self._raise_failures()
        if left:
            raise NotDelivered(f"{left} records were not acknowledged within {timeout_s:.0f} s: is the broker up?")

    def _refused(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._first_error = self._first_error or f"{message.topic()}: {error.str()}"

    def _raise_failures(self) -> None:
        if self._failed:
            raise NotDelivered(f"{self._failed} records were refused; the first one: {self._first_error}")
