"""How many dead letters of a topic are open, cheaply enough to be asked all the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill.errors import RetryLater

if TYPE_CHECKING:
    from tidemill.settings import KafkaSettings
    from tidemill_operations.standing.lag import Offsets

READ_AT_MOST = 100_000
"""Records of a topic that are read to tell open letters from resolved ones: a second or two."""


@dataclass(frozen=True, slots=True)
class OpenLetters:
    """How many letters are neither replayed nor discarded; where it is not `exact`, no more than these."""

    count: int
    exact: bool


def open_about(settings: KafkaSettings, offsets: Offsets, topic: str) -> OpenLetters:
    """Counts the open letters of a topic. One with more than `READ_AT_MOST` records, resolutions among them, or with
    a transaction that stays open, is told by its offsets alone.
    """
    from tidemill_operations.dead_letters.letters import survey

    ends, starts = offsets.ends([topic]), offsets.ends([topic], earliest=True)
    records = sum(ends.values()) - sum(starts.values())
    if records > READ_AT_MOST:
        return OpenLetters(records, exact=False)
    try:
        return OpenLetters(survey(settings, topic, lambda letter: True).count, exact=True) if records else NONE
    except RetryLater:
        return OpenLetters(records, exact=False)


NONE = OpenLetters(0, exact=True)
