"""What a group has committed of topics that are others by now. Marks are given: a broker forgets them in its time."""

from __future__ import annotations

from collections.abc import Iterable

from tidemill.kafka.partitions.marks import Mark
from tidemill_operations.standing.made_anew import MadeAnew


class Offsets:
    """Two topics of two partitions: `first` is what it was, `other` has been made anew twice."""

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        return {topic: {"first": "f", "other": "third"}[topic] for topic in topics}


PLACES = {
    ("first", 0): (7, Mark("f")), ("other", 0): (8, Mark("second", 0, 1)), ("other", 1): (9, Mark("third", 0, 2)),
}  # fmt: skip


def test_topics_made_anew_have_ids_and_what_is_committed_of_old_ones_is_not_done() -> None:
    found = MadeAnew.of(Offsets(), PLACES)  # type: ignore[arg-type]
    assert found.ids == {"other": {0: "third", 1: "third"}}
    assert found.times == {"other": 2}
    assert found.unseen == {("other", 0)}
    assert found.done == {("first", 0): 7, ("other", 1): 9}
    assert MadeAnew.of(Offsets(), PLACES, ["first"]) == MadeAnew(done={("first", 0): 7})  # type: ignore[arg-type]
