"""A topic that is deleted and made anew on a real broker, with its partitions and settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from confluent_kafka import KafkaException

from tests.support.polling import until
from tidemill.errors import TidemillError
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import partition_counts
from tidemill.settings import KafkaSettings


def make_anew(settings: KafkaSettings, topic: str, create: Callable[[], object]) -> None:
    """Delete `topic` and have `create` make it again, as soon as brokers let it."""
    client = admin(settings)
    client.delete_topics([topic])[topic].result(30)
    until(lambda: not partition_counts(client, [topic]), 60, "the topic is gone")

    def made() -> bool:
        if partition_counts(client, [topic]):
            return True
        with suppress(KafkaException, TidemillError):  # brokers are still about to delete it, or have yet to tell of it
            create()
        return False

    until(made, 60, "it is made anew")
