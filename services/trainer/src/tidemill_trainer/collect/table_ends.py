"""How far the table has each partition: offsets in the application transactions of its commits.

`<topic>/<partition>` has the offset that comes next of what was committed last. A topic that is deleted and made
anew has the same name and another id (KIP-516), so `<topic>/<partition>/<id>` has it of one very topic, and
`<topic>/<partition>/id` which one was committed last (63 bits of its id's digest: a transaction holds a number).
A table of before ids were kept has the first alone, and is taken as of the topic that is there now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from deltalake import DeltaTable, Transaction

Ends = dict[tuple[str, int], int]
"""(topic, partition) to the offset that comes next."""

NO_IDS: Mapping[str, str] = {}


def committed_ends(table: DeltaTable, partitions: Iterable[tuple[str, int]], ids: Mapping[str, str] = NO_IDS) -> Ends:
    """The offset that comes next, for each of `partitions` that the table has rows of; where `ids` names a topic's
    id, rows of that very topic.
    """
    found = ((partition, _end(table, partition, ids.get(partition[0], ""))) for partition in partitions)
    return {partition: end for partition, end in found if end is not None}


def last_of(table: DeltaTable, partition: tuple[str, int]) -> int | None:
    """The `digest` of the id of the topic that was committed last; None where ids were not kept."""
    return table.transaction_version(f"{_app(partition)}/id")


def digest(topic_id: str) -> int:
    """63 bits that stand for a topic's id."""
    return int.from_bytes(hashlib.blake2b(topic_id.encode(), digest_size=8).digest()) >> 1


def transactions(ends: Mapping[tuple[str, int], int], ids: Mapping[str, str]) -> list[Transaction]:
    """What a commit says that moves these partitions."""
    said = []
    for partition, end in ends.items():
        said.append(Transaction(_app(partition), end))
        if topic_id := ids.get(partition[0]):
            said += [
                Transaction(f"{_app(partition)}/{topic_id}", end),
                Transaction(f"{_app(partition)}/id", digest(topic_id)),
            ]
    return said


def _end(table: DeltaTable, partition: tuple[str, int], topic_id: str) -> int | None:
    if topic_id and last_of(table, partition) is not None:
        return table.transaction_version(f"{_app(partition)}/{topic_id}")
    return table.transaction_version(_app(partition))


def _app(partition: tuple[str, int]) -> str:
    return f"{partition[0]}/{partition[1]}"
