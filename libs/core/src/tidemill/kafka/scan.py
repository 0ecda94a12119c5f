"""A bounded read of one topic, for audits, traces and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidemill.kafka.batch import Batch
from tidemill.settings import KafkaSettings

__all__ = ["scan"]


def scan(
    settings: KafkaSettings,
    topic: str,
    *,
    partitions: Sequence[int] | None = None,
    start: Mapping[int, int] | int | None = None,
    since_ms: int | None = None,
    end: Mapping[int, int] | None = None,
    read_uncommitted: bool = False,
    batch_size: int = 10_000,
    timeout_s: float = 60.0,
) -> Iterator[Batch]:
    """Skeleton: signature is final, the body follows."""
    return iter(())
