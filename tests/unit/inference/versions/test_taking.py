"""Versions that are taken unloaded at a start: what the swapper does with them, and when one turns out to be unfit."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ToyModel, event
from tests.unit.inference.trial.trials import trial_event
from tidemill.artifact import ArtifactError
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import NoVersion, Predictor
from tidemill_inference.versions.offers import Offer, Outcome, Step
from tidemill_inference.versions.swapper import Swapper


class World:
    """A start where the epochs in `bad` turn out to be unfit as soon as they are loaded."""

    def __init__(self, bad: Set[int] = frozenset()) -> None:
        self.bad = bad
        self.error: Exception | None = None
        self.loads: list[int] = []
        self.takes: list[int] = []
        self.answered: list[int] = []
        self.predictor = Predictor(MODEL)
        self.swapper = Swapper(self.predictor, self._load, lambda: NOW_MS, lambda: 0.0, self._take)

    def _load(self, wanted: ModelVersion) -> Scorer:
        self.loads.append(wanted.epoch)
        if self.error is not None:
            raise self.error
        if wanted.epoch in self.bad:
            raise ArtifactError("bad")
        return ToyModel(wanted.champion.version)

    def _take(self, wanted: ModelVersion) -> Scorer:
        self.takes.append(wanted.epoch)
        return ToyModel(wanted.champion.version)

    def offer(self, *epochs: int, live: bool = False) -> None:
        for epoch in epochs:
            self.swapper.offer(Offer(event(epoch), NOW_MS, live))

    def settle(self) -> list[Step]:
        steps = []
        while not self.swapper.settled:
            steps.append(self.swapper.step())
        return steps

    def ask(self) -> None:
        """A request: it loads what was taken, and answers if that is fit."""
        serving = self.predictor.current()
        if serving.epoch in self.bad and serving.epoch in self.takes:
            self.swapper.disprove(serving.epoch, ArtifactError("bad"))
        else:
            if serving.epoch in self.takes:
                self.swapper.prove(serving.epoch)
            self.answered.append(serving.epoch)

    @property
    def epoch(self) -> int | None:
        return self.predictor.serving.epoch if self.predictor.serving else None


def test_at_a_start_the_newest_version_is_taken_unloaded_and_a_live_one_is_loaded() -> None:
    world = World()
    world.offer(1, 2)
    world.settle()
    assert (world.epoch, world.takes, world.loads) == (2, [2], [])
    world.offer(3, live=True)
    world.settle()
    assert (world.epoch, world.takes, world.loads) == (3, [2], [3])


def test_a_trial_is_loaded_at_a_start_too_so_that_none_of_its_arms_is_withdrawn_from_under_the_other() -> None:
    world = World()
    world.swapper.offer(Offer(trial_event(2, 0.5), NOW_MS, live=False))
    world.settle()
    assert (world.epoch, world.takes, world.loads) == (2, [], [2, 2])


def test_what_was_taken_and_is_unfit_gives_way_to_the_next_best_that_was_offered() -> None:
    world = World(bad={3})
    world.offer(3, 2, 1)
    world.settle()
    world.ask()
    first, second = world.settle()
    assert (first.outcome, first.offer and first.offer.event.epoch) == (Outcome.REFUSED, 3)
    assert isinstance(first.error, ArtifactError)
    assert (second.outcome, world.epoch) == (Outcome.SWITCHED, 2)
    assert [swap.epoch for swap in world.predictor.swaps] == [2]
    world.offer(3)
    assert world.swapper.settled


def test_where_there_is_no_other_nothing_serves_until_a_good_one_comes() -> None:
    world = World(bad={1})
    world.offer(1)
    world.settle()
    world.ask()
    world.settle()
    with pytest.raises(NoVersion):
        world.ask()
    world.offer(2, live=True)
    world.settle()
    assert (world.epoch, world.loads) == (2, [2])


def test_what_is_said_of_an_epoch_that_serves_no_more_changes_nothing() -> None:
    world = World()
    world.offer(1)
    world.settle()
    world.offer(2, live=True)
    world.settle()
    world.swapper.disprove(1, ArtifactError("late"))
    world.settle()
    assert world.epoch == 2


def test_a_bad_live_version_leaves_what_was_taken_in_its_place() -> None:
    world = World(bad={2})
    world.offer(1)
    world.settle()
    world.offer(2, live=True)
    assert [step.outcome for step in world.settle()] == [Outcome.REFUSED]
    world.ask()
    assert world.answered == [1]


def test_a_trial_of_what_was_taken_loads_the_champion_too() -> None:
    """A live event is verified before it serves: all of it."""
    world = World()
    world.offer(1)
    world.settle()
    world.swapper.offer(Offer(replace(trial_event(2, 0.5), champion=event(1).champion), NOW_MS, live=True))
    world.settle()
    assert (world.epoch, world.loads) == (2, [2, 2])


def test_a_trial_of_what_was_taken_and_is_proved_loads_the_challenger_alone() -> None:
    world = World()
    world.offer(1)
    world.settle()
    world.ask()
    taken = world.predictor.current().model
    world.swapper.offer(Offer(replace(trial_event(2, 0.5), champion=event(1).champion), NOW_MS, live=True))
    world.settle()
    assert (world.epoch, world.loads) == (2, [2])
    assert world.predictor.current().model is taken


def test_what_is_proved_keeps_nothing_to_take_its_place_and_old_epochs_are_no_news_any_more() -> None:
    world = World(bad={4})
    world.offer(1, 3)
    world.settle()
    world.offer(4, live=True)
    assert [step.outcome for step in world.settle()] == [Outcome.REFUSED]
    assert world.swapper.offer(Offer(event(2), NOW_MS, live=False))
    world.ask()
    assert not world.swapper.offer(Offer(event(2), NOW_MS, live=False))
    assert world.swapper.withdraw().outcome is Outcome.NOTHING
    assert list(world.swapper.refused) == [4]
    world.swapper.disprove(3, ArtifactError("late"))
    world.settle()
    assert world.epoch == 3


def test_proof_of_what_serves_leaves_the_wait_for_a_store_that_is_away_as_it_is() -> None:
    world = World()
    world.offer(1)
    world.settle()
    world.error = OSError("away")
    world.offer(2, live=True)
    assert world.swapper.step().outcome is Outcome.POSTPONED
    world.ask()
    assert world.swapper.step().outcome is Outcome.NOTHING
    assert world.loads == [2]


@given(
    offered=st.lists(st.tuples(st.integers(min_value=0, max_value=8), st.booleans()), max_size=20),
    bad=st.sets(st.integers(min_value=0, max_value=8)),
    asks=st.lists(st.booleans(), max_size=20),
)
def test_in_any_order_no_answer_goes_back_an_epoch_and_the_highest_good_one_answers_in_the_end(
    offered: list[tuple[int, bool]], bad: set[int], asks: list[bool]
) -> None:
    """Old events first, as a start reads them, then live ones; requests between them, or not."""
    world = World(bad)
    for position, (epoch, live) in enumerate(sorted(offered, key=lambda offer: offer[1])):
        world.offer(epoch, live=live)
        world.swapper.step()
        if position < len(asks) and asks[position] and world.epoch is not None:
            world.ask()
    world.settle()
    while world.epoch in bad:
        world.ask()
        world.settle()
    if world.epoch is not None:
        world.ask()
    assert world.answered == sorted(world.answered)
    assert not bad.intersection(world.answered)
    assert (world.answered[-1:] or [None])[0] == max({epoch for epoch, _ in offered} - bad, default=None)
