"""What one exactly-once loop is told: its names, its bounds, and the clients that it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from tidemill.kafka.client.clients import Config, admin, member_config, producer_config
from tidemill.kafka.partitions.known_topics import KnownTopics
from tidemill.settings import KafkaSettings

__all__ = ["KAFKA", "Clients", "RunnerConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig:
    """`batch_size` (records) and `linger_s` bound a batch. `topics`: at the start; none: it waits for
    `subscribe`. `transactional_id`: each process has its own. `stuck_after_s`: most that one call of `process`
    takes. `known_topics` knows topics that were made anew while nobody read them; whoever made it closes it.
    `*_over` go over the clients' configuration, with underscores for dots.
    """

    settings: KafkaSettings
    group: str
    transactional_id: str
    topics: Sequence[str]
    batch_size: int = 5_000
    linger_s: float = 0.1
    stuck_after_s: float = 300.0
    known_topics: KnownTopics | None = None
    consumer_over: Mapping[str, Any] = field(default_factory=dict)
    producer_over: Mapping[str, Any] = field(default_factory=dict)

    def consumer(self) -> Config:
        """The consumer's configuration."""
        # An offset that is not in the log any more is an error, to be counted and said, and not a silent jump.
        return member_config(self.settings, self.group, **self.consumer_over) | {"auto.offset.reset": "error"}

    def producer(self) -> Config:
        """The transactional producer's configuration."""
        return producer_config(self.settings, self.transactional_id, **self.producer_over)


@dataclass(frozen=True, slots=True)
class Clients:
    """How the loop's three clients are made."""

    consumer: Callable[[Config], Consumer] = Consumer
    producer: Callable[[Config], Producer] = Producer
    admin: Callable[[KafkaSettings], AdminClient] = admin


KAFKA = Clients()
"""The real ones."""
