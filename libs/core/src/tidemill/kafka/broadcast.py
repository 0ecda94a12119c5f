"""Read a whole (compacted) topic without a group: what configuration-like topics need."""

from __future__ import annotations

from collections.abc import Callable

from tidemill.kafka.batch import Batch
from tidemill.settings import KafkaSettings

__all__ = ["BroadcastReader"]


class BroadcastReader:
    """Skeleton: signatures are final, the body follows."""

    def __init__(self, settings: KafkaSettings, topic: str, *, name: str = "broadcast") -> None: ...

    def catch_up(self, timeout_s: float) -> list[Batch]:
        """All records up to the end as it is now; raises RetryLater if that is not reached in time."""
        return []

    def poll(self, timeout_s: float = 0.0) -> list[Batch]:
        """Records that have come since, at most what is there within ``timeout_s``."""
        return []

    def close(self) -> None:
        """Release the consumer."""
