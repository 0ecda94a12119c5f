from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ToyModel, event
from tidemill.artifact import ArtifactError, Reason
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.versions.offers import Offer, Outcome
from tidemill_inference.versions.swapper import Swapper


class World:
    """A swapper whose loads succeed, but for the epochs in `bad`, and for all while `away`."""

    def __init__(self, bad: set[int] | None = None) -> None:
        self.bad = bad or set()
        self.away = False
        self.seconds = 0.0
        self.loads: list[int] = []
        self.during_load: Callable[[], object] = lambda: None
        self.predictor = Predictor(MODEL)
        self.swapper = Swapper(self.predictor, self._load, lambda: NOW_MS, lambda: self.seconds)

    def _load(self, wanted: ModelVersion) -> Scorer:
        self.loads.append(wanted.epoch)
        self.during_load()
        if self.away:
            raise OSError("the store is away")
        if wanted.epoch in self.bad:
            raise ArtifactError("bad")
        return ToyModel(wanted.champion.version)

    def offer(self, epoch: int, *, appended_ms: int = NOW_MS - 400, live: bool = True) -> bool:
        return self.swapper.offer(Offer(event(epoch), appended_ms, live))

    @property
    def epoch(self) -> int | None:
        return self.predictor.serving.epoch if self.predictor.serving else None


def test_a_new_version_is_loaded_and_switched_to() -> None:
    world = World()
    assert world.offer(1)
    step = world.swapper.step()
    assert step.outcome is Outcome.SWITCHED
    assert step.swap is not None
    assert (step.swap.from_version, step.swap.to_version, step.swap.epoch, step.swap.ms) == (None, 1, 1, 400)
    assert world.swapper.step().outcome is Outcome.NOTHING
    assert world.swapper.settled


def test_the_time_of_a_swap_is_not_told_where_the_event_is_older_than_the_process() -> None:
    world = World()
    world.offer(1, live=False)
    world.swapper.step()
    assert world.predictor.swaps[0].ms is None


def test_an_epoch_at_or_below_the_current_one_is_ignored() -> None:
    world = World()
    world.offer(5)
    world.swapper.step()
    assert not world.offer(5)
    assert not world.offer(4)
    assert world.swapper.step().outcome is Outcome.NOTHING
    assert world.epoch == 5


def test_only_the_newest_of_several_is_loaded() -> None:
    world = World()
    for epoch in (1, 3, 2):
        world.offer(epoch)
    world.swapper.step()
    assert world.loads == [3]
    assert world.epoch == 3
    assert world.swapper.settled


def test_what_comes_while_another_loads_is_loaded_next() -> None:
    world = World()
    world.offer(1)
    world.during_load = lambda: world.offer(2)
    world.swapper.step()
    assert world.epoch == 1
    world.swapper.step()
    assert world.epoch == 2


def test_a_bad_version_is_refused_and_the_old_one_serves_on() -> None:
    world = World(bad={2})
    world.offer(1)
    world.swapper.step()
    before = world.predictor.serving
    world.offer(2)
    step = world.swapper.step()
    assert step.outcome is Outcome.REFUSED
    assert isinstance(step.error, ArtifactError)
    assert world.predictor.serving is before
    assert not world.offer(2)
    assert world.swapper.settled


def test_a_version_that_breaks_its_loader_is_refused_like_a_bad_one() -> None:
    world = World()
    world.offer(1)
    world.swapper.step()

    def breaks() -> None:
        raise RuntimeError("a defect")

    world.during_load = breaks
    world.offer(2)
    assert world.swapper.step().outcome is Outcome.REFUSED
    assert world.epoch == 1


def test_where_the_newest_is_bad_the_next_best_that_was_offered_serves() -> None:
    world = World(bad={3})
    world.offer(3)
    world.offer(2)
    assert world.swapper.step().outcome is Outcome.REFUSED
    assert world.swapper.step().outcome is Outcome.SWITCHED
    assert world.epoch == 2


def test_a_store_that_is_away_is_asked_again_with_growing_delays() -> None:
    world = World()
    world.away = True
    world.offer(1)
    asked_at = []
    while world.seconds < 20:
        if world.swapper.step().outcome is Outcome.POSTPONED:
            asked_at.append(world.seconds)
        world.seconds += 0.25
    assert asked_at == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5]
    assert not world.swapper.settled
    world.away = False
    world.seconds += 30
    assert world.swapper.step().outcome is Outcome.SWITCHED


def test_news_does_not_wait_for_the_delay_of_an_older_version() -> None:
    world = World()
    world.away = True
    world.offer(1)
    world.swapper.step()
    world.away = False
    assert world.swapper.step().outcome is Outcome.NOTHING
    world.offer(2)
    assert world.swapper.step().outcome is Outcome.SWITCHED
    assert world.epoch == 2


def test_a_version_that_is_loaded_already_serves_while_another_is_being_loaded_which_then_comes_too_late() -> None:
    world = World()
    world.offer(1)
    world.swapper.step()
    world.offer(2)
    loading = world.swapper.begin()
    assert loading is not None and world.swapper.begin() is None
    loaded = world.swapper.load(loading)
    world.swapper.offer(Offer(event(3, version=1), NOW_MS, live=True))
    assert world.swapper.switch_to_loaded().outcome is Outcome.SWITCHED
    assert world.epoch == 3
    assert world.swapper.finish(loading, loaded).outcome is Outcome.NOTHING
    assert world.epoch == 3 and world.swapper.settled and world.loads == [1, 2]


def test_what_has_to_be_loaded_is_not_switched_to_before() -> None:
    world = World()
    world.offer(1)
    assert world.swapper.switch_to_loaded().outcome is Outcome.NOTHING
    assert world.epoch is None


def test_news_does_not_wait_where_an_older_load_fails_after_it_came() -> None:
    world = World()
    world.offer(1)
    loading = world.swapper.begin()
    assert loading is not None
    world.offer(2)
    assert world.swapper.finish(loading, OSError("away")).outcome is Outcome.POSTPONED
    assert world.swapper.step().outcome is Outcome.SWITCHED
    assert world.epoch == 2


def test_it_says_for_how_long_something_waits_and_which_epochs_are_refused_for_what() -> None:
    world = World(bad={4})
    world.away = True
    assert world.swapper.waiting_s == 0
    for epoch in (2, 3):
        world.offer(epoch)
        world.swapper.step()
        world.seconds += 5
    assert world.swapper.waiting_s == 10
    world.away = False
    world.offer(4)
    world.swapper.step()
    assert (world.swapper.refused, world.swapper.waiting_s) == ({4: Reason.OTHER}, 10)
    world.swapper.step()
    assert (world.epoch, world.swapper.waiting_s, set(world.swapper.refused)) == (3, 0, {4})
    world.offer(5)
    world.swapper.step()
    assert (world.epoch, world.swapper.refused) == (5, {})


@given(
    offered=st.lists(st.integers(min_value=0, max_value=12), max_size=30),
    bad=st.sets(st.integers(min_value=0, max_value=12)),
    steps=st.lists(st.integers(min_value=0, max_value=2), max_size=30),
)
def test_in_any_order_the_highest_good_epoch_serves_in_the_end_and_none_goes_back(
    offered: list[int], bad: set[int], steps: list[int]
) -> None:
    """Events reordered, doubled and cut short, with any number of steps between them."""
    world = World(bad)
    served: list[int] = []
    for position, epoch in enumerate(offered):
        world.offer(epoch)
        for _ in range(steps[position] if position < len(steps) else 0):
            world.swapper.step()
            served += [world.epoch] if world.epoch is not None else []
    while not world.swapper.settled:
        world.swapper.step()
        served += [world.epoch] if world.epoch is not None else []
    assert served == sorted(served)
    assert world.epoch == max(set(offered) - bad, default=None)
    assert len(world.loads) == len(set(world.loads))


def test_a_predictor_refuses_an_epoch_that_is_not_above_its_own() -> None:
    world = World()
    world.offer(2)
    world.swapper.step()
    serving = world.predictor.serving
    assert serving is not None
    with pytest.raises(ValueError, match="epoch 2 is not above 2"):
        world.predictor.switch(serving, NOW_MS, live=True)
