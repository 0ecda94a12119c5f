"""Positions that the headers of results name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tidemill.kafka.batch import Batch
from tidemill.kafka.dead_letters import ERROR_OFFSET, ERROR_PARTITION, ERROR_TOPIC, ERROR_TOPIC_ID, is_resolution
from tidemill.kafka.headers import ORIGIN, find, parse_source
from tidemill_operations.audit.bits import Offsets

Pairs = tuple[Offsets, Offsets, int, int]
"""Partitions and offsets, aligned, in the order of the records; how many records name no such position; and how many
name one in a topic of that name before the one that is there now.
"""


NOWHERE = (b"", b"", b"")


@dataclass(frozen=True, slots=True)
class Source:
    """A topic that results are made of. `ids`: by partition the id that results name, where it was made anew while
    it was read; results that name another, or none, were made of the one before.
    """

    topic: str
    ids: Mapping[int, str] = field(default_factory=dict)

    def pairs(self, found: Iterable[tuple[str, str, bytes, bytes]], records: int) -> Pairs:
        """Of (topic, topic's id, partition, offset) as so many records name them."""
        here, earlier = [], 0
        for topic, topic_id, partition, offset in found:
            if topic != self.topic or not (partition.isdigit() and offset.isdigit()):
                continue
            number = int(partition)
            wanted = self.ids.get(number, "")
            if topic_id == wanted:
                here.append((number, int(offset)))
            elif wanted:
                earlier += 1
        table = np.array(here, dtype=np.int64).reshape(len(here), 2)
        return table[:, 0], table[:, 1], records - len(here) - earlier, earlier


def positions(batch: Batch) -> tuple[Offsets, Offsets]:
    """The records' own partitions and offsets."""
    return np.asarray(batch.partitions, dtype=np.int64), np.asarray(batch.offsets, dtype=np.int64)


def origins(batch: Batch, source: Source) -> Pairs:
    """Positions in `source` that accepted records were made of."""
    found = []
    names: dict[bytes, tuple[str, str]] = {}
    for headers in batch.headers:
        value = find(headers, ORIGIN)
        name, partition, offset = value.rsplit(b"/", 2) if value is not None and value.count(b"/") > 1 else NOWHERE
        if name not in names:
            names[name] = parse_source(name.decode(errors="replace"))
        found.append((*names[name], partition, offset))
    return source.pairs(found, len(batch))


def of_source(batch: Batch, source: Source) -> npt.NDArray[np.bool_]:
    """Which records were made of the topic that is there now, shape [n]; all of them where it was never another."""
    if not source.ids:
        return np.ones(len(batch), dtype=np.bool_)
    return np.array([len(origins(batch.part(k, k + 1), source)[0]) == 1 for k in range(len(batch))], dtype=np.bool_)


def dead_origins(batch: Batch, source: Source) -> Pairs:
    """Positions in `source` that dead letters came from; what resolves a dead letter is passed over."""
    found = []
    resolutions = 0
    for headers in batch.headers:
        if is_resolution(headers):
            resolutions += 1
            continue
        topic, topic_id, partition, offset = (
            find(headers, name) or b"" for name in (ERROR_TOPIC, ERROR_TOPIC_ID, ERROR_PARTITION, ERROR_OFFSET)
        )
        found.append((topic.decode(errors="replace"), topic_id.decode(errors="replace"), partition, offset))
    return source.pairs(found, len(batch) - resolutions)
