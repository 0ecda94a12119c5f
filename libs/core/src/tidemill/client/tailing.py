"""The predictions of a model as they come on its topic, in no group, nothing committed. Needs confluent-kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from tidemill.client.errors import ClientError, MissingPackage, NotReachable
from tidemill.client.flows.predicting import Prediction
from tidemill.errors import FatalError, RetryLater

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from tidemill.codec import Codec
    from tidemill.contracts.schemas.catalog import Schema
    from tidemill.settings import CommonSettings

__all__ = ["Since", "Tail", "open_tail"]

Since = datetime | Literal["now", "beginning"]
TIMES: Final = ("event_time", "predicted_at")
AT_ONCE = 1_000
POLL_S = 0.2


class Tail:
    """Predictions in the order of each partition. Not to be shared between threads."""

    def __init__(self, consumer: Consumer, codec: Codec, schema: Schema) -> None:
        self._consumer = consumer
        self._codec = codec
        self._schema = schema

    def poll(self) -> list[Prediction]:
        """Those that have come, or come within POLL_S. Raises NotReachable, ClientError."""
        from tidemill.kafka.client.bounded import split_errors

        try:
            records, _ = split_errors(self._consumer.consume(AT_ONCE, POLL_S))
            values = [value for record in records if (value := record.value()) is not None]
            return [self._prediction(value) for value in values]
        except RetryLater as error:
            raise NotReachable(str(error)) from error
        except (FatalError, ValueError) as error:
            raise ClientError(f"the predictions cannot be read: {error}") from error

    def until_idle(self, timeout: float | None) -> Iterator[Prediction]:
        """One after another, until none comes for so many seconds; None: for ever."""
        last = time.monotonic()
        while timeout is None or time.monotonic() - last < timeout:
            for prediction in self.poll():
                yield prediction
                last = time.monotonic()

    async def until_idle_async(self, timeout: float | None) -> AsyncIterator[Prediction]:
        """The same, awaited: each poll is in a thread, and has ended when this has."""
        last = time.monotonic()
        while timeout is None or time.monotonic() - last < timeout:
            poll = asyncio.ensure_future(asyncio.to_thread(self.poll))
            try:
                found = await asyncio.shield(poll)
            except asyncio.CancelledError:
                await asyncio.wait([poll])
                raise
            for prediction in found:
                yield prediction
                last = time.monotonic()

    def close(self) -> None:
        """End reading."""
        self._consumer.close()

    def _prediction(self, value: bytes) -> Prediction:
        datum: dict[str, Any] = self._codec.decode_one(value, self._schema)
        times = {name: datetime.fromtimestamp(datum[name] / 1_000, UTC) for name in TIMES}
        return Prediction.of({**datum, **times})


def open_tail(settings: CommonSettings, model: str, task: str, since: Since) -> Tail:
    """Reads from where the topic ends now, from its beginning, or from a time on. Raises MissingPackage, NotReachable,
    ClientError.
    """
    try:
        from confluent_kafka import TopicPartition

        from tidemill.codec import Codec, open_registry
        from tidemill.contracts.schemas.catalog import SchemaCatalog
        from tidemill.contracts.topics import TopicCatalog
        from tidemill.kafka.client.bounded import groupless_consumer
        from tidemill.kafka.client.scan import bounds
    except ImportError as error:
        raise MissingPackage(
            "Kafka is read by confluent-kafka: pip install 'tidemill-core[client,columns,kafka]'"
        ) from error
    if isinstance(since, datetime) and since.tzinfo is None:
        raise ClientError(f"since={since} has no offset: give one, such as datetime(..., tzinfo=UTC)")
    since_ms = int(since.timestamp() * 1_000) if isinstance(since, datetime) else None
    folder = Path("schemas")  # the platform's own come with this package
    schemas = SchemaCatalog.load(folder, {})
    topic = TopicCatalog.load(folder, settings.prefix).name("predictions", model)
    try:
        places = bounds(settings, topic, since_ms=since_ms)
        consumer = groupless_consumer(settings, "tail")
    except RetryLater as error:
        raise NotReachable(str(error)) from error
    except FatalError as error:
        raise ClientError(str(error)) from error
    consumer.assign([TopicPartition(topic, n, end if since == "now" else first) for n, (first, end) in places.items()])
    return Tail(consumer, Codec(schemas, open_registry(settings)), schemas.platform(f"prediction-{task}"))
