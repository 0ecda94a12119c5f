"""What is committed says of which topic it is, and a place is kept as far as the log still has it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition

from tidemill.kafka.partitions.marks import Mark, go_on
from tidemill_drift.adapters.committed import metadata_of, place_of, to_commit
from tidemill_drift.adapters.standing import at
from tidemill_learning.drift.profiling.windows import LabelCounts, Place

PLACE = Place(500, 1_000, 2, LabelCounts(5, 4, 1, (7,)))
MARK = Mark("b1ZJTMgQSm6ZqFZAnHKMxA", 17)


def test_place_and_mark_are_read_again_from_what_is_committed() -> None:
    (committed,) = to_commit({("topic", 1): PLACE}, {("topic", 1): MARK})
    assert (place_of(committed), Mark.parse(committed.metadata)) == (PLACE, MARK)


def test_what_was_committed_before_marks_were_kept_has_a_mark_that_says_nothing() -> None:
    old = TopicPartition("topic", 1, 500, metadata='{"clock": 1000, "window": 2}')
    assert (place_of(old), Mark.parse(old.metadata)) == (Place(500, 1_000, 2), Mark())
    assert place_of(TopicPartition("topic", 1, 500, metadata=metadata_of(Place(500, 1_000, 2)))) == place_of(old)


@pytest.mark.parametrize(
    ("low", "high", "topic_id", "wanted"),
    [
        (0, 900, MARK.topic_id, PLACE),
        (600, 900, MARK.topic_id, replace(PLACE, offset=600)),
        (0, 400, MARK.topic_id, replace(PLACE, offset=400)),
        (0, 900, "Uj3kPPc5Rk2vtrq3PWdmmQ", Place()),
        (30, 90, "Uj3kPPc5Rk2vtrq3PWdmmQ", Place(30)),
        (0, 900, "", PLACE),
    ],
    ids=["it is there", "removed", "the end is lost", "made anew", "made anew and removed from", "no id is told"],
)
def test_clock_and_windows_are_kept_unless_the_topic_is_another(
    low: int, high: int, topic_id: str, wanted: Place
) -> None:
    assert at(PLACE, go_on(PLACE.offset, MARK, low, high, topic_id), anew=MARK.anew(topic_id)) == wanted
