"""A real consumer that can be made to know no broker any more, as librdkafka may after one was fenced: that is a race,
and cannot be brought about at will (`forgetful` tries).
"""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException


class Deaf:
    """Hears nothing and is answered nothing once `lost`."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self.lost = consumer, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def consume(self, *arguments: Any) -> Any:
        return [] if self.lost else self._consumer.consume(*arguments)

    def list_topics(self, *arguments: Any, **options: Any) -> Any:
        return self._answered().list_topics(*arguments, **options)

    def get_watermark_offsets(self, *arguments: Any, **options: Any) -> Any:
        return self._answered().get_watermark_offsets(*arguments, **options)

    def _answered(self) -> Any:
        if self.lost:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return self._consumer
