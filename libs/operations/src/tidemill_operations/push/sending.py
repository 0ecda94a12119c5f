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


class TooLarge(NotDelivered):
    """The broker refused records for their size, or for that of others in their batch; everything else is stored."""

    def __init__(self, message: str, values: frozenset[bytes]) -> None:
        super().__init__(message)
        self.values = values


class Sender:
    """Sends records; `flush` returns only when everything given to `send` is stored, and raises NotDelivered
    otherwise: TooLarge where nothing was wrong but sizes.
    """

    def __init__(self, settings: KafkaSettings, name: str, **over: Any) -> None:
        from confluent_kafka import Producer

        from tidemill.kafka.client.clients import producer_config

        config = producer_config(settings, **over)
        config |= {"client.id": f"{settings.prefix}{name}", "delivery.report.only.error": True}
        self._producer = Producer({**config, "on_delivery": self._refused})
        self._failed = 0
        self._first_error = ""
        self._too_large: set[bytes] = set()
        self.sent = 0

    def send(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes],
        headers: Sequence[Headers | None],
    ) -> None:
        """Queues records; waits while the queue is full. The columns are aligned."""
        from confluent_kafka import KafkaError, KafkaException

        produce = self._producer.produce
        for key, value, record_headers in zip(keys, values, headers, strict=True):
            while True:
                try:
                    produce(topic, value, key, headers=record_headers)  # type: ignore[arg-type]
                    break
                except BufferError:
                    self._producer.poll(FULL_QUEUE_POLL_S)
                except KafkaException as error:
                    if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                        raise
                    self._too_large.add(value)
                    break
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
        if self._too_large:
            values, self._too_large = frozenset(self._too_large), set()
            raise TooLarge(f"{len(values)} records are too large for the broker: raise max.message.bytes", values)

    def _refused(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        value = message.value()
        if error.code() == error.MSG_SIZE_TOO_LARGE and value is not None:
            self._too_large.add(value)
        else:
            self._failed += 1
            self._first_error = self._first_error or f"{message.topic()}: {error.str()}"

    def _raise_failures(self) -> None:
        if self._failed:
            raise NotDelivered(f"{self._failed} records were refused; the first one: {self._first_error}")
