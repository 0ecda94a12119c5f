"""Records into Kafka, acknowledged: an idempotent aiokafka producer that waits for brokers which are away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from tidemill.errors import RetryLater
from tidemill_ingest.records import Record

MAX_RECORD_BYTES = 1_048_576 - 8_192
"""A record with its headers, below the `max.message.bytes` of raw topics."""
READY_TIMEOUT_S = 2.0
CONNECT_PAUSE_S, CONNECT_PAUSE_MAX_S = 0.25, 2.0
PROBE_S = 1.0
"""How long acknowledgements may be late before it is asked whether a broker is there at all."""
FATAL = (OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerEpoch, ProducerFenced)
"""After one of these an idempotent producer has lost its place in the log and must be made anew."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A record without acknowledgement. `stored`: False for certainly not, None for not known. `lasting`: the
    same record fails again.
    """

    reason: str
    stored: bool | None
    lasting: bool = False


class KafkaSink:
    """Stores records and says of each whether Kafka has acknowledged it (`acks=all`, idempotent).

    Partitions are chosen by murmur2 of the key, as Java's and the platform's other producers do. Works in one
    event loop.
    """

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        timeout_s: float,
        connection: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """`timeout_s`: how long a call waits for acknowledgements. `connection`: more arguments of an aiokafka
        client, security above all. Connects in `start`.
        """
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, and to try again for as long as the brokers are away. Returns at once."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def stop(self, drain_s: float) -> None:
        """Send what is waiting, for at most `drain_s` seconds, and disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
        waiting = [task for task in (self._connecting, self._leaving) if task is not None]
        await asyncio.gather(*waiting, return_exceptions=True)
        producer, self._producer = self._producer, None
        await _stop(producer, drain_s)

    async def reachable(self) -> str | None:
        """None where a broker answers now, else why not."""
        producer = self._producer
        if producer is None:
            return "not connected to Kafka yet"
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as error:
            return f"Kafka does not answer: {error or 'no answer in time'}"
        return None

    async def publish(
        self, topic: str, records: Sequence[Record], headers: Sequence[tuple[str, bytes]]
    ) -> list[Failure | None]:
        """Store records of one topic; for each None where it is acknowledged, else what failed, in order.

        Takes at most `timeout_s`. A record that was not acknowledged in that time may still be stored
        afterwards.
        """
        producer = self._producer
        if producer is None:
            return [Failure("Kafka is away", stored=False)] * len(records)
        sent: list[asyncio.Future[object] | Failure] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                for record in records:
                    sent.append(await self._send(producer, topic, record, headers))
                await self._acknowledged(producer, [item for item in sent if isinstance(item, asyncio.Future)])
        except TimeoutError:
            _log.warning("records were not acknowledged in time", extra={"topic": topic, "records": len(records)})
        unsent = [Failure("Kafka did not answer in time", stored=False)] * (len(records) - len(sent))
        outcomes = [_outcome(item) for item in sent] + unsent
        if any(isinstance(_error(item), FATAL) for item in sent) or _has_ended(producer):
            self._replace(producer, "the producer has lost its place in the log")
        return outcomes

    async def _acknowledged(self, producer: AIOKafkaProducer, futures: Sequence[asyncio.Future[object]]) -> None:
        """Waits for acknowledgements, as long as brokers are there to give them."""
        pending = set(futures)
        while pending and producer is self._producer:
            _, pending = await asyncio.wait(pending, timeout=PROBE_S)
            reason = await self.reachable() if pending else None
            if reason is not None:
                self._replace(producer, reason)

    async def _send(
        self, producer: AIOKafkaProducer, topic: str, record: Record, headers: Sequence[tuple[str, bytes]]
    ) -> asyncio.Future[object] | Failure:
        size = len(record.key) + len(record.value)
        if size > MAX_RECORD_BYTES:
            return Failure(f"has {size} bytes as a record; the most is {MAX_RECORD_BYTES}", stored=False, lasting=True)
        try:
            future: asyncio.Future[object] = await producer.send(topic, record.value, record.key, headers=list(headers))
        except MessageSizeTooLargeError:
            return Failure("is too large for a record", stored=False, lasting=True)
        except KafkaError as error:
            return Failure(f"Kafka did not take it: {error}", stored=False)
        return future

    async def _connect(self) -> None:
        pause_s = CONNECT_PAUSE_S
        while self._producer is None:
            ours = {
                "bootstrap_servers": self._bootstrap,
                "client_id": self._client_id,
                "acks": "all",
                "enable_idempotence": True,
                "request_timeout_ms": round(self._timeout_s * 1000),
                "max_request_size": MAX_RECORD_BYTES + 8_192,
                "linger_ms": 0,
            }
            producer = AIOKafkaProducer(**{**self._connection(), **ours})
            try:
                await producer.start()
                self._producer = producer
            except (KafkaError, OSError, RetryLater) as error:
                _log.warning("waiting for Kafka: %s", error)
                await _stop(producer, 0)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, CONNECT_PAUSE_MAX_S)
            except asyncio.CancelledError:
                await _stop(producer, 0)
                raise
        _log.info("connected to Kafka")

    def _replace(self, producer: AIOKafkaProducer, reason: str) -> None:
        """Give up a producer and connect anew.

        One that is left alone while no broker answers asks for metadata without a pause, a core's worth of it.
        """
        if producer is not self._producer:
            return
        _log.error("connecting to Kafka anew: %s", reason)
        self._producer = None
        self._leaving = asyncio.get_running_loop().create_task(_stop(producer, 0))
        self.start()


def _outcome(item: asyncio.Future[object] | Failure) -> Failure | None:
    if isinstance(item, Failure):
        return item
    if not item.done():
        item.add_done_callback(_error)  # looked at, so that asyncio does not complain later
        return Failure("Kafka did not acknowledge it in time", stored=None)
    error = _error(item)
    if error is None:
        return None
    if isinstance(error, MessageSizeTooLargeError):
        return Failure("is too large for the topic", stored=False, lasting=True)
    return Failure(f"Kafka did not acknowledge it: {error}", stored=None)


def _error(item: asyncio.Future[object] | Failure) -> BaseException | None:
    if isinstance(item, Failure) or not item.done():
        return None
    return asyncio.CancelledError() if item.cancelled() else item.exception()


def _has_ended(producer: AIOKafkaProducer) -> bool:
    """Whether the producer's background task is over: then nothing is ever sent again, and no public call
    tells.
    """
    task = producer._sender.sender_task
    return task is not None and task.done()


async def _stop(producer: AIOKafkaProducer | None, drain_s: float) -> None:
    """Send what is waiting for at most `drain_s` seconds, then disconnect, whatever is still waiting."""
    if producer is None:
        return
    try:
        async with asyncio.timeout(drain_s):
            await producer.stop()
    except (TimeoutError, KafkaError):
        await producer._sender.close()  # stop() was cut short while it flushed, and cannot be asked again
        await producer.client.close()
