"""What a commit says beside its offset, and where to go on when the offset is not in the log any more.

Kafka keeps a text with each committed offset: here the id of the topic that the offset belongs to (KIP-516; a topic
that is deleted and made anew has the same name and another id), how many offsets were removed before this group
had read them, how often it found the topic made anew, and what was begun behind the offset and perhaps never ended (see
`attempts`). All are stored in the transaction of the offset itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

__all__ = ["Attempt", "Mark", "Resumption", "go_on"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Work that was begun at a committed offset: up to `until` (the offset after its last record there), `records`
    at once, of all partitions. `tries`: how often, one process after the other, without an end.
    """

    until: int
    records: int
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """`topic_id`: empty where the brokers tell none. `removed`: offsets (records and markers of transactions)
    that were removed unread, ever. `renewed`: how often the topic was found made anew, ever; not 0: what was read
    before was of another topic, with the same offsets. `attempt`: what was begun there and has not ended yet.
    """

    topic_id: str = ""
    removed: int = 0
    renewed: int = 0
    attempt: Attempt | None = None

    def text(self) -> str:
        """As it is committed."""
        return json.dumps(self.facts(), separators=(",", ":"))

    def facts(self) -> dict[str, object]:
        """What the text says, for those who commit more beside it."""
        said: dict[str, object] = {"topic_id": self.topic_id, "removed": self.removed, "renewed": self.renewed}
        if self.attempt is not None:
            said["begun"] = [self.attempt.until, self.attempt.records, self.attempt.tries]
        return said

    @classmethod
    def parse(cls, text: str | None) -> Mark:
        """Of a committed text; of another program's, or of none: a mark that says nothing."""
        try:
            found = json.loads(text or "{}")
            begun = found.get("begun")
            attempt = None if begun is None else Attempt(*map(int, begun))
            removed, renewed = (int(found.get(name, 0)) for name in ("removed", "renewed"))
            return cls(str(found.get("topic_id", "")), removed, renewed, attempt)
        except (ValueError, AttributeError, TypeError):
            return cls()

    def anew(self, topic_id: str) -> bool:
        """Whether `topic_id` is of another topic than the one that was committed for."""
        return bool(self.topic_id and topic_id) and self.topic_id != topic_id


@dataclass(frozen=True, slots=True)
class Resumption:
    """Go on at `start`. `removed`: offsets that were lost to this reader by it; `why`: to be said, or None;
    `anew`: whether the log is of another topic than the one that was read.
    """

    start: int
    mark: Mark
    removed: int = 0
    why: str | None = None
    anew: bool = False


def go_on(at: int, mark: Mark, low: int, high: int, topic_id: str) -> Resumption:
    """Where a reader that stands `at` goes on in a log that holds `low` to `high`."""
    known = replace(mark, topic_id=topic_id or mark.topic_id, attempt=None)
    if mark.anew(topic_id):
        why = f"the topic was deleted and made anew: begun at its first offset, {low} (was at {at} of the old one)"
        return Resumption(low, replace(known, renewed=mark.renewed + 1), 0, why, anew=True)
    if at < low:
        gone = low - at
        why = f"{gone:,} offsets, {at} to {low - 1}, were removed (retention, or by hand) before they were read"
        return Resumption(low, replace(known, removed=mark.removed + gone), gone, why)
    if at > high:
        why = f"the log ends at {high} though {at} was read: the brokers have lost its end, or the topic was made anew"
        return Resumption(high if mark.topic_id and topic_id else low, known, 0, why)
    return Resumption(at, known)
