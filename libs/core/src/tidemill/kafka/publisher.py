"""Writers of the platform's own events: acknowledged means stored, failures are raised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tidemill.kafka.batch import Output
from tidemill.kafka.headers import Headers
from tidemill.settings import KafkaSettings

__all__ = ["ExclusiveWriter", "Publisher"]

T = TypeVar("T")


class Publisher:
    """Skeleton: an idempotent producer; signatures are final."""

    def __init__(self, settings: KafkaSettings, *, name: str = "publisher") -> None: ...

    def publish(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Store one record; returns once it is acknowledged, raises RetryLater if it was not in time."""

    def publish_all(self, outputs: Sequence[Output], *, timeout_s: float = 30.0) -> None:
        """Store all records of all outputs; returns once all are acknowledged."""

    def close(self) -> None:
        """Release the producer."""


class ExclusiveWriter:
    """Skeleton: one writer per transactional id; signatures are final."""

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None: ...

    def open(self, timeout_s: float = 30.0) -> None:
        """Fence every other writer with this id, and finish what it left open; then it is safe to read and decide."""

    def write(self, outputs: Sequence[Output], timeout_s: float = 30.0) -> None:
        """Write all records in one transaction; raises Fenced if another writer was opened, RetryLater in doubt."""

    def close(self) -> None:
        """Release the producer."""
