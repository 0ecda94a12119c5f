"""Positions that the headers of results name."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tidemill.kafka.batch import Batch
from tidemill.kafka.dead_letters import ERROR_OFFSET, ERROR_PARTITION, ERROR_TOPIC, is_resolution
from tidemill.kafka.headers import ORIGIN, find
from tidemill_cli.audit.bits import Offsets

Pairs = tuple[Offsets, Offsets, int]
"""Partitions and offsets, aligned, in the order of the records; and how many records name no such position."""


def positions(batch: Batch) -> tuple[Offsets, Offsets]:
    """The records' own partitions and offsets."""
    return np.asarray(batch.partitions, dtype=np.int64), np.asarray(batch.offsets, dtype=np.int64)


def origins(batch: Batch, source: str) -> Pairs:
    """Positions in `source` that accepted records were made of."""
    prefix = f"{source}/".encode()
    cut = len(prefix)
    found: list[tuple[bytes, bytes]] = []
    for headers in batch.headers:
        value = find(headers, ORIGIN)
        if value is not None and value.startswith(prefix):
            partition, _, offset = value[cut:].partition(b"/")
            found.append((partition, offset))
    return _pairs(found, len(batch))


def dead_origins(batch: Batch, source: str) -> Pairs:
    """Positions in `source` that dead letters came from; what resolves a dead letter is passed over."""
    topic = source.encode()
    found: list[tuple[bytes, bytes]] = []
    resolutions = 0
    for headers in batch.headers:
        if is_resolution(headers):
            resolutions += 1
        elif find(headers, ERROR_TOPIC) == topic:
            found.append((find(headers, ERROR_PARTITION) or b"", find(headers, ERROR_OFFSET) or b""))
    return _pairs(found, len(batch) - resolutions)


def _pairs(found: Iterable[tuple[bytes, bytes]], records: int) -> Pairs:
    known = [(int(p), int(o)) for p, o in found if p.isdigit() and o.isdigit()]
    table = np.array(known, dtype=np.int64).reshape(len(known), 2)
    return table[:, 0], table[:, 1], records - len(known)
