from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.unit.inference.fakes import MODEL, clean_values, event
from tests.unit.inference.stream.test_process import CLEAN, batch, process
from tidemill.errors import HoldTopics
from tidemill.kafka.batch import Batch, Output
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.serving.serving import NoVersion, Predictor
from tidemill_inference.stream.hold_unloaded import HoldsWhatWaits


class World:
    """Two models, each with its topic; those in `cold` cannot be loaded for two seconds from now."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cold: set[str] = set()
        self.held: list[set[str]] = []
        self.process = HoldsWhatWaits(self._work, {"a": "a-clean", "b": "b-clean"}, lambda: self.seconds)
        self.process.hold = self._hold

    def _hold(self, topics: Collection[str]) -> None:
        self.held.append(set(topics))

    def _work(self, batches: list[Batch]) -> list[Output]:
        for model in sorted(self.cold):
            raise NotLoaded(event(1, model=model), 2.0)
        return []


def test_the_topic_of_a_model_that_cannot_be_loaded_is_held_and_goes_on_when_its_time_has_come() -> None:
    world = World()
    world.cold = {"a"}
    with pytest.raises(HoldTopics) as caught:
        world.process([])
    assert caught.value.topics == {"a-clean"}
    world.seconds = 1.9
    world.process.release()
    assert world.held == []
    world.seconds = 2.0
    world.process.release()
    world.process.release()
    assert world.held == [set()]


def test_each_topic_is_held_for_a_time_of_its_own() -> None:
    world = World()
    world.cold = {"a"}
    with pytest.raises(HoldTopics):
        world.process([])
    world.seconds, world.cold = 1.0, {"b"}
    with pytest.raises(HoldTopics) as caught:
        world.process([])
    assert caught.value.topics == {"a-clean", "b-clean"}
    world.seconds = 2.5
    world.process.release()
    assert world.held == [{"b-clean"}]


def test_a_model_that_has_no_version_any_more_holds_its_topic_too() -> None:
    waits = HoldsWhatWaits(process(Predictor(MODEL)), {MODEL: CLEAN})
    with pytest.raises(HoldTopics) as caught:
        waits([batch(list(clean_values([1.0])))])
    assert isinstance(caught.value.__cause__, NoVersion)
    assert caught.value.topics == {CLEAN}
