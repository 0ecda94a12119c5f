"""From a judgement to the records that leave: originals as they came, with what happened to them in headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat

from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.dead_letters import dead_letter_headers
from tidemill.kafka.headers import ORIGIN, Headers
from tidemill_validator.checks.partition_slices import Picked
from tidemill_validator.checks.row_checks import Reason

LONGEST_MESSAGE = 2_000
"""Characters of a dead letter's reason: headers count towards the size of a record, and topics bound it."""


def clean_output(
    topic: str, batch: Batch, picked: Picked, keys: Sequence[bytes | None], values: list[bytes | None] | None = None
) -> Output:
    """The accepted records: headers and partition as they came, the origin added.

    `keys`: of the picked records. `values`: where some had to be encoded anew; else all are as they came, byte
    for byte.
    """
    partitions = picked.of(batch.partitions)
    marks = zip(repeat(ORIGIN), origins(batch.source, partitions, picked.of(batch.offsets)))
    headers: list[Headers | None] = [
        [*(own or ()), mark] for own, mark in zip(picked.of(batch.headers), marks, strict=True)
    ]
    return Output(
        topic=topic,
        values=picked.of(batch.values) if values is None else values,
        keys=keys,
        partitions=partitions,
        headers=headers,
    )


def origins(source: Callable[[int], str], partitions: Sequence[int], offsets: Sequence[int]) -> list[bytes]:
    """The values of the origin headers of many records of one topic (see `tidemill.kafka.headers.origin`): written
    as one text and cut, a third of the cost of writing each. `source`: the topic's name, by partition."""
    if not partitions:
        return []
    one = {partition: b"%s/%d/%%d" % (source(partition).encode(), partition) for partition in set(partitions)}
    return (b"\n".join([one[partition] for partition in partitions]) % tuple(offsets)).split(b"\n")


def dead_output(topic: str, batch: Batch, dead: dict[int, list[Reason]]) -> Output:
    """The dead letters, in the order of the batch: bytes, key, headers and partition as they came, the
    reasons added.
    """
    positions = sorted(dead)
    headers: list[Headers | None] = [
        [
            *(batch.headers[k] or ()),
            *dead_letter_headers(
                batch.topic,
                batch.partitions[k],
                batch.offsets[k],
                dead[k][0].name,
                explain(dead[k]),
                batch.anew.get(batch.partitions[k], ""),
            ),
        ]
        for k in positions
    ]
    return Output(
        topic=topic,
        values=[batch.values[k] for k in positions],
        keys=[batch.keys[k] for k in positions],
        partitions=[batch.partitions[k] for k in positions],
        headers=headers,
    )


def explain(reasons: Sequence[Reason]) -> str:
    """All reasons in one line, the first first."""
    text = "; ".join(reason.message for reason in reasons)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
