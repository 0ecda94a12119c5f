"""Has clean and dead letters grow with what is read, or says that somebody must."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.clients import admin
from tidemill.kafka.partitions.growth import partition_counts, widen
from tidemill.kafka.partitions.room import Room
from tidemill.settings import KafkaSettings
from tidemill_validator.checks.stream_validator import Stream


def room(settings: KafkaSettings, catalog: TopicCatalog, streams: Iterable[Stream]) -> Room:
    """The room of all that a validator reads. Asks by an admin client of its own."""
    client = admin(settings)
    outputs: dict[str, set[str]] = {}
    models: dict[str, set[str]] = {}
    for stream in streams:
        outputs.setdefault(stream.topic, set()).update((stream.clean, stream.dead))
        models.setdefault(stream.topic, set()).add(stream.model)

    def widened(topic: str) -> str | None:
        problems = [widen(client, catalog, model) for model in sorted(models[topic])]
        return "; ".join(filter(None, problems)) or None

    return Room(outputs, partial(partition_counts, client), widened)
