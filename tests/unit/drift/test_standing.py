"""What is committed says of which topic it is, and a place is kept as far as the log still has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tidemill.errors import RetryLater
from tidemill.kafka.partitions.marks import Mark, go_on
from tidemill_drift.adapters.committed import metadata_of, place_of, to_commit
from tidemill_drift.adapters.standing import Standing, at
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


@dataclass
class Brokers:
    """What brokers tell of a topic's id, and of what its logs hold: to an admin client and a consumer in one."""

    topic_id: str = MARK.topic_id
    silent: set[int] = field(default_factory=set)
    away: bool = False

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        if self.away:
            raise RetryLater("no brokers")
        return dict.fromkeys(topics, self.topic_id)

    def look(self, topics: Iterable[str]) -> dict[str, str]:
        return {} if self.away else self.of(topics)

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        if partition.partition in self.silent:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return 10, 900


HELD = {("topic", number): PLACE for number in range(3)}


def begun(brokers: Any) -> tuple[Standing, dict[tuple[str, int], Place | None]]:
    standing = Standing("group", brokers)
    return standing, standing.begin(brokers, HELD, dict.fromkeys(HELD, MARK))


def test_a_log_without_an_answer_holds_up_no_other_of_a_topic_that_was_made_anew() -> None:
    brokers: Any = Brokers()
    standing, going = begun(brokers)
    assert going == HELD and not standing.astray
    brokers.topic_id, brokers.silent = "Uj3kPPc5Rk2vtrq3PWdmmQ", {1}
    standing.note([])
    assert set(standing.astray) == set(HELD)
    going = standing.go_on(brokers, HELD)
    assert going == {("topic", 0): Place(10), ("topic", 1): PLACE, ("topic", 2): Place(10)}
    assert list(standing.astray) == [("topic", 1)]
    assert standing.marks["topic", 1] == MARK, "what is committed of it is of the old one still"
    brokers.silent.clear()
    going = standing.go_on(brokers, going)
    assert going == dict.fromkeys(HELD, Place(10)) and not standing.astray
    assert set(standing.anew) == set(HELD)


def test_a_log_without_an_answer_at_an_assignment_is_begun_as_it_was_committed_and_the_others_are_not() -> None:
    brokers: Any = Brokers(topic_id="Uj3kPPc5Rk2vtrq3PWdmmQ", silent={2})
    standing, going = begun(brokers)
    assert going == {("topic", 0): Place(10), ("topic", 1): Place(10), ("topic", 2): PLACE}
    assert list(standing.astray) == [("topic", 2)]


def test_without_brokers_all_are_begun_as_they_were_committed_and_asked_for_again() -> None:
    brokers: Any = Brokers(away=True)
    standing, going = begun(brokers)
    assert going == HELD and set(standing.astray) == set(HELD)
    brokers.away = False
    assert standing.go_on(brokers, HELD) == HELD and not standing.astray


def test_a_log_whose_topic_s_id_is_not_told_yet_is_not_taken_for_the_one_before() -> None:
    brokers: Any = Brokers()
    standing, _ = begun(brokers)
    standing.astray.add([("topic", 0)])  # its offset is not there
    brokers.topic_id = ""
    assert standing.go_on(brokers, HELD) == HELD and list(standing.astray) == [("topic", 0)]
    brokers.topic_id = "Uj3kPPc5Rk2vtrq3PWdmmQ"
    assert standing.go_on(brokers, HELD)["topic", 0] == Place(10)
