"""From a judgement to the records that leave: originals as they came, with what happened to them in
headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.dead_letters import dead_letter_headers
from tidemill.kafka.headers import ORIGIN, Headers
from tidemill_validator.judge import Reason

LONGEST_MESSAGE = 2_000
"""Characters of a dead letter's reason: headers count towards the size of a record, and topics bound it."""


def clean_output(
    topic: str, batch: Batch, positions: Sequence[int], keys: Sequence[bytes | None], anew: Mapping[int, bytes]
) -> Output:
    """The accepted records: headers and partition as they came, the origin added.

    `keys`: of these positions. `anew`: the values that had to be encoded anew, by position; all others are as
    they came, byte for byte.
    """
    partitions, offsets, given = batch.partitions, batch.offsets, batch.headers
    prefix = {partition: b"%s/%d/" % (batch.topic.encode(), partition) for partition in set(partitions)}
    headers: list[Headers | None] = [
        [*(given[k] or ()), (ORIGIN, prefix[partitions[k]] + b"%d" % offsets[k])] for k in positions
    ]
    values = [batch.values[k] for k in positions]
    if anew:
        values = [anew.get(k, value) for k, value in zip(positions, values, strict=True)]
    return Output(
        topic=topic,
        values=values,
        keys=keys,
        partitions=[partitions[k] for k in positions],
        headers=headers,
    )


def dead_output(topic: str, batch: Batch, dead: dict[int, list[Reason]]) -> Output:
    """The dead letters, in the order of the batch: bytes, key, headers and partition as they came, the
    reasons added.
    """
    positions = sorted(dead)
    headers: list[Headers | None] = [
        [
            *(batch.headers[k] or ()),
            *dead_letter_headers(batch.topic, batch.partitions[k], batch.offsets[k], dead[k][0].name, explain(dead[k])),
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
