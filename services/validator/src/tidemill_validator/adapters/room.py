"""Has clean and dead letters grow with what is read, or says that somebody must."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.clients import admin
from tidemill.kafka.partitions.growth import partition_counts, widen
from tidemill.kafka.partitions.room import Room
from tidemill.settings import KafkaSettings
from tidemill_validator.checks.stream_validator import Stream, outputs_of


def room(settings: KafkaSettings, catalog: Callable[[], TopicCatalog], streams: Collection[Stream]) -> Room:
    """The room of all that a validator reads: `streams` may grow. Asks by an admin client of its own."""
    client = admin(settings)

    def widened(topic: str) -> str | None:
        models = {stream.model for stream in list(streams) if stream.topic == topic}
        problems = [widen(client, catalog(), model) for model in sorted(models)]
        return "; ".join(filter(None, problems)) or None

    return Room(outputs_of(streams), partial(partition_counts, client), widened)
