"""The exactly-once loop: consume, transform, produce, with offsets and outputs in one Kafka transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from tidemill.kafka.batch import Batch, Output
from tidemill.service.health import Health
from tidemill.settings import KafkaSettings

__all__ = ["Partition", "TransactionalRunner"]

Partition = tuple[str, int]
"""(topic, partition number)."""

Process = Callable[[list[Batch]], list[Output]]


class TransactionalRunner:
    """Skeleton: signatures are final, the body follows."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        transactional_id: str,
        topics: Sequence[str],
        process: Process,
        stop: threading.Event,
        batch_size: int = 5_000,
        linger_s: float = 0.1,
        start_offsets: Callable[[list[Partition]], Mapping[Partition, int]] | None = None,
        on_assigned: Callable[[list[Partition]], None] | None = None,
        on_revoked: Callable[[list[Partition]], None] | None = None,
        before_batch: Callable[[], None] | None = None,
        on_idle: Callable[[], None] | None = None,
        health: Health | None = None,
    ) -> None: ...

    def run(self) -> None:
        """Work until ``stop`` is set; raises Fenced, FatalError or whatever ``process`` raised."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for other topics, from any thread; an empty list leaves the group."""

    @property
    def assigned(self) -> frozenset[Partition]:
        """Partitions held now."""
        return frozenset()
