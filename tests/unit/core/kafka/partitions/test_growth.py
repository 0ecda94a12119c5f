"""A model's topics follow the one that has most partitions; what has no room for a partition waits by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater
from tidemill.kafka.partitions.growth import counts_of_models, to_grow, unequal
from tidemill.kafka.partitions.room import Room


@pytest.fixture
def catalog(root: Path) -> TopicCatalog:
    """`own` has topics of ours alone; `m` reads its events from somebody's `their.events`."""
    specs = TopicCatalog.load(root / "schemas").specs
    return TopicCatalog(specs, "", {("raw", "m"): "their.events"})


def equal(catalog: TopicCatalog, model: str, count: int, **others: int) -> dict[str, int]:
    names = {role: catalog.name(role, model) for role in catalog.model_topics(model)}
    return {name: others.get(role, count) for role, name in names.items()}


def test_topics_that_exist_say_the_count_and_the_setting_is_for_new_ones(catalog: TopicCatalog) -> None:
    present = equal(catalog, "m", 1, raw=3) | equal(catalog, "own", 2, clean=5)
    assert counts_of_models(catalog, ["m", "own", "new"], present, 4) == {"m": 3, "own": 5}
    assert counts_of_models(catalog, ["m", "own"], present, 6) == {"m": 3}, "a setting alone has nothing grow"
    assert counts_of_models(catalog, ["m"], {"their.events": 7}, 4) == {"m": 7}


def test_outputs_grow_before_what_they_are_made_of_and_a_source_is_left_alone(catalog: TopicCatalog) -> None:
    order = list(to_grow(catalog, "m", equal(catalog, "m", 1, raw=3)).items())
    assert order[0] == ("m-predictions", 3)
    assert [name for name, _ in order[-2:]] == ["m-clean", "m-labels-raw"]
    assert to_grow(catalog, "m", equal(catalog, "m", 3, raw=1)) == {}
    assert to_grow(catalog, "own", equal(catalog, "own", 1, labels=2))["own-raw"] == 2
    assert to_grow(catalog, "own", equal(catalog, "own", 2)) == {}
    assert to_grow(catalog, "own", {}) == {}


def test_unequal_topics_are_told_with_who_must_do_what(catalog: TopicCatalog) -> None:
    assert unequal(catalog, "m", equal(catalog, "m", 3)) is None
    ours = unequal(catalog, "m", equal(catalog, "m", 1, raw=3)) or ""
    assert "their.events=3" in ours
    assert "`tidemill topics apply`" in ours
    theirs = unequal(catalog, "m", equal(catalog, "m", 3, raw=1)) or ""
    assert "whoever owns their.events" in theirs
    assert "apply" not in theirs


class Narrow:
    """Outputs with a partition count that a test sets, and whether they may be made to grow."""

    def __init__(self) -> None:
        self.counts = {"clean": 1, "dlq": 1, "other": 4}
        self.problem: str | None = "type `tidemill topics apply`"
        self.away = False
        self.seconds = 0.0
        self.tried: list[str] = []
        self.room = Room({"raw": ["clean", "dlq"], "else": ["other"]}, self.count, self.widen, lambda: self.seconds)

    def count(self, names: object) -> dict[str, int]:
        if self.away:
            raise RetryLater
        return self.counts

    def widen(self, topic: str) -> str | None:
        self.tried.append(topic)
        if self.problem is None:
            self.counts |= {"clean": 3, "dlq": 3}
        return self.problem


def test_a_topic_waits_alone_until_all_its_outputs_have_grown(caplog: pytest.LogCaptureFixture) -> None:
    narrow = Narrow()
    room = narrow.room
    assert room.take([("raw", 0), ("raw", 2), ("else", 2)]) == [("raw", 0), ("else", 2)]
    assert (room.topics, narrow.tried) == ({"raw"}, ["raw"])
    assert "tidemill topics apply" in caplog.text
    narrow.counts["clean"] = 3
    narrow.seconds = 5
    assert room.due() == [], "the dead letters have not grown"
    narrow.counts["dlq"], narrow.away = 3, True
    narrow.seconds = 60
    assert room.due() == [], "nobody answers"
    narrow.away = False
    assert room.due() == [], "it is not asked at every turn"
    narrow.seconds = 120
    assert room.due() == [("raw", 2)]
    assert room.topics == {"raw"}, "until it has begun"
    room.drop([("raw", 2)])
    assert room.topics == set()


def test_where_outputs_may_be_made_to_grow_nothing_waits() -> None:
    narrow = Narrow()
    narrow.problem = None
    assert narrow.room.take([("raw", 2)]) == [("raw", 2)]
    assert narrow.room.topics == set()


def test_a_partition_that_went_to_another_process_is_not_waited_for() -> None:
    narrow = Narrow()
    narrow.room.take([("raw", 1), ("raw", 2)])
    narrow.room.drop([("raw", 1), ("else", 0)])
    assert narrow.room.topics == {"raw"}
    narrow.room.drop([("raw", 2)])
    assert narrow.room.topics == set()
