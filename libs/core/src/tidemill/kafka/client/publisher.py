"""Writers of the platform's own events, of which there are few: acknowledged means stored, failures are raised."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.client.producing import DeliveryFailures, produce_all
from tidemill.kafka.headers import Headers
from tidemill.kafka.runtime.transaction import Aborted, InDoubt, TransactionSession
from tidemill.settings import KafkaSettings

__all__ = ["ExclusiveWriter", "Publisher"]

_GRACE_S = 5.0
_NOWHERE = (
    "this principal may write to no topic at all, so the brokers give it no producer id: `tidemill topics plan "
    "--principal SERVICE=User:NAME` prints the ACLs it needs"
)


class Publisher:
    """Writes records and waits for the brokers' acknowledgement (`acks=all`, idempotent). Thread-safe.

    After a failure it is not known which of the records were stored: readers drop repeats by id.
    `timeout_s` is how long a record may wait for its acknowledgement. Connects when it first writes.
    """

    def __init__(self, settings: KafkaSettings, *, name: str = "publisher", timeout_s: float = 30.0) -> None:
        self._failures = DeliveryFailures()
        self._config: dict[str, Any] = producer_config(
            settings,
            client_id=f"{settings.prefix}{name}",
            message_timeout_ms=round(timeout_s * 1000),
            delivery_report_only_error=True,
        )
        self._config["on_delivery"] = self._failures
        self._timeout_s = timeout_s
        self._producer: Producer | None = None
        self._lock = threading.Lock()

    def publish(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Store one record; see `publish_all`."""
        self.publish_all([Output(topic, [value], [key], partition, [headers])])

    def publish_all(self, outputs: Sequence[Output]) -> None:
        """Store all records of all outputs; returns when every one is acknowledged.

        Raises RetryLater if some were not in time, FatalError if the brokers will never take one.
        """
        with self._lock:
            self._failures.clear()
            producer = self._producer = self._producer or Producer(self._config)
            try:
                self._write(producer, outputs)
            except (KafkaException, SystemError) as error:
                refusal = _refusal(error)
                self._failures.refused(refusal, outputs[0].topic)
                self._raise(refusal.args[0].str(), refusal.args[0])
            except RetryLater as error:
                self._raise(str(error))

    def close(self) -> None:
        """Release the producer."""
        with self._lock:
            self._producer = None

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _write(self, producer: Producer, outputs: Sequence[Output]) -> None:
        produce_all(producer, outputs, time.monotonic() + self._timeout_s)
        left = producer.flush(self._timeout_s + _GRACE_S)
        if left or self._failures.first is not None:
            raise RetryLater(self._failures.first or f"{left} records were not acknowledged in time")

    def _raise(self, why: str, error: KafkaError | None = None) -> None:
        lasting = self._failures.lasting
        if self._producer is not None:
            self._producer.purge()  # whoever was told of a failure may write again: no late copy of this try
            self._producer = None
        if error is not None and error.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            raise FatalError(_NOWHERE)
        if lasting is not None:
            raise FatalError(f"a record can never be written: {lasting}")
        raise RetryLater(why)


def _refusal(error: KafkaException | SystemError) -> KafkaException:
    """The client raises a fatal error while it reports deliveries: Python then sees the report fail, because of
    it.
    """
    cause = error if isinstance(error, KafkaException) else error.__cause__
    if not isinstance(cause, KafkaException):
        raise error
    return cause


class ExclusiveWriter:
    """The only writer of a topic, by its transactional id: opening it fences every earlier one.

    Read, decide, write is safe in this order: `open()`, read the topic to its end, `write()`. If another writer was
    opened in between, `write` raises Fenced and nothing of it becomes visible. Not thread-safe.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None:
        self._session = TransactionSession(producer_config(settings, transactional_id))

    @property
    def is_open(self) -> bool:
        """True if `write` may be called: opened, and no write has ended in doubt since."""
        return self._session.is_open

    def open(self) -> None:
        """Fence earlier writers and settle what they left open. Raises RetryLater if the brokers do not answer."""
        self._session.open()

    def write(self, outputs: Sequence[Output]) -> None:
        """Write all records in one transaction.

        Raises Fenced if another writer has been opened; RetryLater if it was aborted or, with `is_open`
        then False, ended in doubt: open again and read again before deciding anew.
        """
        try:
            self._session.commit(outputs, [])
        except (Aborted, InDoubt) as error:
            raise RetryLater(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Release the producer."""
        self._session.close()

    def __enter__(self) -> ExclusiveWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
