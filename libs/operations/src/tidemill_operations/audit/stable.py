"""Waiting for transactions: what a group has committed may stand behind results that no reader is shown yet.

A commit's markers reach its partitions one by one: the group's offsets may be there a moment before the results.
And a process that was killed holds back what others write after it, until its transaction is timed out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from tidemill.errors import RetryLater
from tidemill_operations.standing.lag import Offsets

PATIENCE_S = 90.0
"""More than the transaction time-out of any worker of ours, and than Kafka's own of 60 s."""

_EVERY_S = 0.1


def until_stable(offsets: Offsets, topics: Sequence[str], patience_s: float = PATIENCE_S) -> None:
    """Waits until readers of committed records are shown all that was written to `topics` up to now.

    Raises RetryLater where a transaction stays open for `patience_s`.
    """
    written = offsets.ends(topics)
    ends = time.monotonic() + patience_s
    while True:
        stable = offsets.ends(topics, committed=True)
        held = sorted(part for part, end in written.items() if stable.get(part, end) < end)
        if not held:
            return
        if time.monotonic() > ends:
            where = ", ".join(f"{topic}/{number}" for topic, number in held[:5])
            raise RetryLater(
                f"a transaction has stood open on {where} for {patience_s:.0f} s, so nobody can say what is there: "
                "`kafka-transactions.sh find-hanging` names whose it is"
            )
        time.sleep(_EVERY_S)
