from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support.polling import until
from tests.unit.inference.fakes import MODEL, NOW_MS, ToyModel, codec, event
from tests.unit.inference.topic import SCHEMA, Topic
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import RetryLater
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.versions.swapper import Swapper
from tidemill_inference.versions.watcher import VersionWatcher, WatcherParts


class World:
    """A watcher of two models. While `store_away`, no load succeeds; one of weather waits for `release`."""

    def __init__(self) -> None:
        self.topic = Topic()
        self.predictor = Predictor(MODEL)
        self.switched: list[str] = []
        self.failed = threading.Event()
        self.turned = threading.Event()
        self.store_away = False
        self.release = threading.Event()
        swappers = {
            predictor.model: Swapper(predictor, self.load, lambda: NOW_MS + 70, lambda: 0.0)
            for predictor in (self.predictor, Predictor("weather"))
        }
        self.watcher = VersionWatcher(
            WatcherParts(
                reader=self.topic,  # type: ignore[arg-type]
                codec=codec(),
                schema=SCHEMA,
                swappers=swappers,
                poll_s=0.001,
                on_switch=self.switched.append,
                on_failure=self.failed.set,
                on_turn=self.turned.set,
            )
        )

    def load(self, wanted: ModelVersion) -> Scorer:
        if wanted.model == "weather":
            assert self.release.wait(20)
        if self.store_away:
            raise OSError("away")
        return ToyModel(wanted.champion.version)

    def version(self) -> int | None:
        return self.predictor.serving.version if self.predictor.serving else None


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.release.set()
    world.watcher.close()


def test_it_reads_what_is_there_and_then_follows(world: World) -> None:
    world.topic.publish(event(1), event(2))
    world.watcher.start()
    until(lambda: world.version() == 2, 5, "the published version serves")
    world.topic.publish(event(3))
    until(lambda: world.version() == 3, 5, "the new version serves")
    assert world.switched == [MODEL, MODEL]
    assert [swap.ms for swap in world.predictor.swaps] == [None, 70]


def test_brokers_that_are_away_are_waited_for(world: World) -> None:
    world.topic.away = 3
    world.topic.publish(event(1))
    world.watcher.start()
    until(lambda: world.version() == 1, 5, "the version serves")
    assert world.watcher.check() is None
    assert world.turned.wait(5)


def test_what_is_no_event_and_what_is_about_others_is_passed_over(world: World) -> None:
    world.topic.add(None, b"rubbish")
    world.topic.publish(event(7, model="unknown"), event(1))
    world.watcher.start()
    until(lambda: world.version() == 1, 5, "the version serves")


def test_sync_leaves_nothing_behind_that_was_published_before_it(world: World) -> None:
    world.topic.publish(event(1))
    world.watcher.sync(5)
    assert world.version() == 1
    world.watcher.start()
    for epoch in range(2, 30):
        world.topic.publish(event(epoch))
        world.watcher.sync(5)
        assert world.version() == epoch


def test_sync_says_when_a_published_version_cannot_be_loaded(world: World) -> None:
    world.store_away = True
    world.topic.publish(event(1))
    with pytest.raises(RetryLater, match="store is away"):
        world.watcher.sync(0.05)


def test_a_model_whose_store_hangs_holds_up_neither_the_reading_nor_a_sync_of_others(world: World) -> None:
    world.watcher.start()
    world.topic.publish(event(1, model="weather"))
    for epoch in range(1, 4):
        world.topic.publish(event(epoch))
        until(lambda e=epoch: world.version() == e, 5, "it is read and loaded")  # type: ignore[misc]
    world.topic.publish(event(4))
    world.watcher.sync(5, [MODEL])
    assert world.version() == 4
    with pytest.raises(RetryLater):
        world.watcher.sync(0.05)
    world.release.set()
    world.watcher.sync(5)


def test_a_defect_in_the_thread_is_handed_on(world: World) -> None:
    world.topic.broken = True
    world.watcher.start()
    assert world.failed.wait(5)
    assert isinstance(world.watcher.failure, AssertionError)
    until(lambda: world.watcher.check() is not None, 5, "it is not live any more")


def test_a_model_that_is_added_serves_what_was_published_before_and_the_others_go_on(world: World) -> None:
    late = Predictor("late")
    world.topic.publish(event(1), event(7, model="late"))
    world.watcher.start()
    until(lambda: world.version() == 1, 5, "the first serves")
    world.watcher.add({"late": Swapper(late, world.load, lambda: NOW_MS + 70, lambda: 0.0)})
    until(lambda: late.serving is not None and late.serving.version == 7, 5, "what was published before serves")
    assert world.switched == [MODEL, "late"]
    world.topic.publish(event(2), event(8, model="late"))
    until(lambda: world.version() == 2, 5, "the first goes on")
    until(lambda: late.serving is not None and late.serving.version == 8, 5, "the new one goes on")
