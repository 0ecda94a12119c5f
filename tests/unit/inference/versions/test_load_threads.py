from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from tests.support.polling import until
from tests.unit.inference.fakes import MODEL, NOW_MS, ToyModel, event
from tidemill.artifact import ArtifactError, Reason
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.versions.load_threads import Loads
from tidemill_inference.versions.offers import Offer, Outcome, Step
from tidemill_inference.versions.reporting import begin_to_tell, tell
from tidemill_inference.versions.swapper import Swapper

OTHER = "weather"


class World:
    """Two models. Loads of a version in `hanging` wait for `release`, those in `bad` are refused for the digest."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.hanging: set[tuple[str, int]] = set()
        self.bad: set[int] = set()
        self.steps: list[tuple[str, Step]] = []
        self.defect: Exception | None = None
        self.predictors = {model: Predictor(model) for model in (MODEL, OTHER)}
        self.swappers = {
            model: Swapper(predictor, self._load, lambda: NOW_MS, lambda: 0.0)
            for model, predictor in self.predictors.items()
        }
        self.loads = Loads(self.swappers, self._on_step)

    def _load(self, wanted: ModelVersion) -> Scorer:
        if (wanted.model, wanted.champion.version) in self.hanging:
            assert self.release.wait(20)
        if wanted.champion.version in self.bad:
            raise ArtifactError("other bytes", Reason.DIGEST)
        return ToyModel(wanted.champion.version)

    def _on_step(self, model: str, step: Step) -> None:
        if step.outcome is not Outcome.NOTHING:
            self.steps.append((model, step))
            if self.defect is not None:
                raise self.defect

    def offer(self, epoch: int, model: str = MODEL, version: int | None = None) -> None:
        self.loads.offer(Offer(event(epoch, version, model), NOW_MS, live=True))
        self.loads.turn()

    def epoch(self, model: str = MODEL) -> int | None:
        serving = self.predictors[model].serving
        return serving.epoch if serving else None


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.release.set()
    assert world.loads.close(20)


def test_a_load_that_hangs_holds_up_neither_another_model_nor_the_taking_note_of_events(world: World) -> None:
    world.hanging.add((MODEL, 1))
    world.offer(1)
    for epoch in (1, 2):
        world.offer(epoch, OTHER)
        until(lambda e=epoch: world.epoch(OTHER) == e, 5, "the other model is loaded")  # type: ignore[misc]
    assert world.epoch() is None
    assert world.loads.settled([OTHER]) and not world.loads.settled()
    assert not world.loads.close(0.01)
    world.release.set()
    assert world.loads.close(20) and world.epoch() == 1


def test_a_rollback_to_what_is_loaded_does_not_wait_for_a_load_that_hangs(world: World) -> None:
    world.offer(1)
    until(lambda: world.epoch() == 1, 5, "the first version serves")
    world.hanging.add((MODEL, 2))
    world.offer(2)
    world.offer(3, version=1)
    assert world.epoch() == 3 and world.loads.settled()
    world.release.set()
    assert world.loads.close(20) and world.epoch() == 3


def test_a_defect_of_whoever_is_told_comes_out_at_the_next_turn(world: World) -> None:
    world.defect = RuntimeError("a defect")
    with pytest.raises(RuntimeError, match="a defect"):  # by a turn in offer, where the load is quick
        world.offer(1)
        assert world.loads.close(20)
        world.loads.turn()


def metric(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"tidemill_model_{name}", {"model": MODEL, **labels})


def test_metrics_of_refusals_are_there_before_they_rise_and_fall_back_when_a_newer_epoch_serves(world: World) -> None:
    """The first value counts: an increase is seen from 0, and a counter that is born at 1 has none."""
    waits = {MODEL: 1.5}
    begin_to_tell([MODEL], lambda model: waits[model])
    assert metric("pending_seconds") == 1.5
    assert metric("load_postponed_total") is not None
    before = {reason: metric("refused_total", reason=reason) for reason in Reason}
    assert None not in before.values()

    def refused() -> dict[Reason, float | None]:
        return {reason: metric("refused_epoch", reason=reason) for reason in Reason}

    assert set(refused().values()) == {0}
    world.bad = {2, 3}
    for epoch in (1, 2, 3, 4):
        world.offer(epoch)
        until(lambda e=epoch: e in [step.offer.event.epoch for _, step in world.steps if step.offer], 5, "a step")  # type: ignore[misc]
        tell(MODEL, world.steps[-1][1], dict(world.swappers[MODEL].refused))
        wanted = {2: 2.0, 3: 3.0}.get(epoch, 0.0)
        assert refused() == {reason: wanted if reason is Reason.DIGEST else 0 for reason in Reason}
    after = {reason: metric("refused_total", reason=reason) for reason in Reason}
    assert after == before | {Reason.DIGEST: (before[Reason.DIGEST] or 0) + 2}
