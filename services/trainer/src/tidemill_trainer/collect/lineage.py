"""Which offsets are behind a data set: a range for each partition, and for each topic of a name that was made anew."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable

from tidemill.contracts.events.platform import OffsetRange
from tidemill_learning.data_set.table_rows import OFFSET, PARTITION, TOPIC, TOPIC_ID
from tidemill_trainer.collect.table_ends import digest, last_of

_log = logging.getLogger(__name__)

Extents = dict[tuple[str, int, str], tuple[int, int]]
"""(topic, partition, id of the topic or empty) to the first and the last offset of its rows."""


def note(extents: Extents, batch: pa.RecordBatch) -> None:
    """Take in where the rows of a batch come from."""
    keys = [TOPIC, PARTITION, *([TOPIC_ID] if TOPIC_ID in batch.schema.names else [])]
    found = pa.Table.from_batches([batch]).group_by(keys).aggregate([(OFFSET, "min"), (OFFSET, "max")])
    for row in found.to_pylist():
        place = (row[TOPIC], row[PARTITION], row.get(TOPIC_ID) or "")
        first, last = extents.get(place, (row[f"{OFFSET}_min"], row[f"{OFFSET}_max"]))
        extents[place] = (min(first, row[f"{OFFSET}_min"]), max(last, row[f"{OFFSET}_max"]))


def ids(extents: Extents) -> dict[str, str]:
    """The id of each topic that rows were read from; none where it is not known, or where topics of one name were made
    one after another.
    """
    found: dict[str, set[str]] = {}
    for topic, _, topic_id in extents:
        found.setdefault(topic, set()).add(topic_id)
    return {topic: of.pop() for topic, of in sorted(found.items()) if len(of) == 1 and "" not in of}


def ranges(table: DeltaTable, extents: Extents, ends: Mapping[tuple[str, int], int]) -> tuple[OffsetRange, ...]:
    """Of each partition the range up to the end that the table has of it. Where rows of topics before it, of the same
    name, are in the data set too, theirs go before it, from their first to their last row; that is logged.
    """
    found = []
    for topic, number in sorted({place[:2] for place in extents}):
        of = {place[2]: extent for place, extent in extents.items() if place[:2] == (topic, number)}
        now = _now(of, last_of(table, (topic, number)))
        first, last = _unknown_joined(of, now)
        if of:
            _log.warning(
                "rows of %s/%d come from %d topics of this name, made one after another: the data set names a range "
                "of offsets for each, the last one is of the topic that is there now", topic, number, len(of) + 1,
            )  # fmt: skip
        found += [OffsetRange(topic=topic, partition=number, first=low, last=high) for low, high in sorted(of.values())]
        last = max(last, ends.get((topic, number), 0) - 1)  # the end may be of a topic that the data set has no row of
        found.append(OffsetRange(topic=topic, partition=number, first=first, last=last))
    return tuple(found)


def _now(of: Mapping[str, tuple[int, int]], wanted: int | None) -> str:
    """Which of these ids is that of the topic that is there now."""
    return next((topic_id for topic_id in of if topic_id and digest(topic_id) == wanted), "" if "" in of else min(of))


def _unknown_joined(of: dict[str, tuple[int, int]], now: str) -> tuple[int, int]:
    """Takes out the rows of `now`, with those before them that were written before ids were kept."""
    first, last = of.pop(now)
    if now and "" in of and of[""][1] < first:
        first, _ = of.pop("")
    return first, last
