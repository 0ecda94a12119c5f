"""A group that has read a topic finds out that it is another one, and does nothing twice that it has done."""

from __future__ import annotations

from tidemill.kafka.partitions.marks import Mark
from tidemill_operations.backup.document import TopicFacts
from tidemill_operations.backup.records import Place, Record
from tidemill_operations.restore.groups import UNTOLD, places_now


def place(topic: str, offset: int, topic_id: str = "old", partition: int = 0) -> Place:
    return Place("g", topic, partition, offset, Mark(topic_id, removed=3, renewed=1).text())


def record(offset: int, partition: int = 0) -> Record:
    return Record(partition, offset, 0, None, b"x")


def now(places: list[Place], topic_id: str, partitions: int = 1, restored: bool = False) -> list[Place]:
    were, are = [record(4), record(7), record(9)], [record(0), record(1), record(2)]
    before, there = {"t": TopicFacts("old", 1)}, {"t": TopicFacts(topic_id, partitions)}
    return places_now(places, before, there, {"t": (were, are)} if restored else {})


def test_the_place_in_a_topic_that_is_another_one_says_so_and_what_was_before() -> None:
    (found,) = now([place("t", 40)], "new")
    mark = Mark.parse(found.metadata)
    assert mark.anew("new")
    assert (mark.removed, mark.renewed) == (3, 1)


def test_a_place_that_tells_no_id_is_of_another_topic_for_certain() -> None:
    (found,) = now([place("t", 40, "")], "new")
    assert Mark.parse(found.metadata) == Mark(UNTOLD, 3, 1)


def test_the_place_in_a_topic_that_is_the_same_still_is_what_it_was() -> None:
    kept = place("t", 40)
    assert now([kept], "old") == [kept]


def test_the_place_behind_a_restored_record_is_behind_it_again() -> None:
    for offset, then in ((0, 0), (4, 0), (5, 1), (7, 1), (8, 2), (9, 2), (10, 3), (99, 3)):
        (found,) = now([place("t", offset)], "new", restored=True)
        assert found.offset == then
        assert not Mark.parse(found.metadata).anew("new")


def test_nothing_is_said_of_what_is_not_there_or_cannot_be_told_apart() -> None:
    assert now([place("gone", 4), place("t", 4, partition=5)], "new") == []
    assert now([place("t", 4)], "") == []
