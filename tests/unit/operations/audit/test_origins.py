"""Results of a topic that was made anew, and of the one before it, whose offsets are the same."""

from __future__ import annotations

from tidemill.kafka.batch import Batch
from tidemill.kafka.dead_letters import dead_letter_headers
from tidemill.kafka.headers import ORIGIN, Headers, origin, source_name
from tidemill_operations.audit.origins import Source, dead_origins, of_source, origins

ID = "Yx3-_q2nTf6nFqkS0c-4pQ"
NEVER = Source("raw")
ANEW = Source("raw", {0: ID, 1: ID})


def batch(headers: list[Headers | None]) -> Batch:
    n = len(headers)
    return Batch("clean", [0] * n, list(range(n)), [0] * n, [None] * n, [b"v"] * n, headers)


def accepted(topic_id: str, partition: int, offset: int) -> Headers:
    return [(ORIGIN, origin(source_name("raw", topic_id), partition, offset))]


MIXED = batch(
    [accepted("", 0, 1), accepted(ID, 0, 1), accepted(ID, 2, 5), accepted("", 2, 6), [(ORIGIN, b"raw")], None]
)


def test_positions_in_a_topic_that_was_never_another_are_those_without_an_id() -> None:
    partitions, offsets, strangers, earlier = origins(MIXED, NEVER)
    assert (partitions.tolist(), offsets.tolist(), strangers, earlier) == ([0, 2], [1, 6], 4, 0)


def test_of_a_topic_made_anew_those_with_its_id_count_and_others_are_of_the_one_before() -> None:
    partitions, offsets, strangers, earlier = origins(MIXED, ANEW)
    assert (partitions.tolist(), offsets.tolist()) == ([0, 2], [1, 6]), "partition 2 came with the new topic"
    assert (strangers, earlier) == (3, 1)
    assert of_source(MIXED, ANEW).tolist() == [False, True, False, True, False, False]
    assert of_source(MIXED, NEVER).all()


def test_dead_letters_are_told_apart_by_a_header_of_their_own() -> None:
    letters = batch(
        [
            dead_letter_headers("raw", 0, 7, "Malformed", "no"),
            dead_letter_headers("raw", 0, 7, "Malformed", "no", ID),
            dead_letter_headers("labels-raw", 0, 7, "Malformed", "no", ID),
        ]
    )
    partitions, offsets, strangers, earlier = dead_origins(letters, ANEW)
    assert (partitions.tolist(), offsets.tolist(), strangers, earlier) == ([0], [7], 1, 1)
