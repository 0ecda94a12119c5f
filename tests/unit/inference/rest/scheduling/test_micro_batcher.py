from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.metric_values import value_of
from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, ToyModel, endpoint, event
from tidemill.artifact import ArtifactError
from tidemill_inference import metrics
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.request_checks import InvalidInstances
from tidemill_inference.rest.scheduling.micro_batcher import ENOUGH, MicroBatcher, Part
from tidemill_inference.rest.scheduling.scheduler import ALONE, Scheduler
from tidemill_inference.serving.serving import Predictor, Serving


class Counting(ToyModel):
    """Notes how many rows each call had; has no number for a distance of 13, and breaks at one of 666."""

    def __init__(self, version: int = 1) -> None:
        super().__init__(version)
        self.calls: list[int] = []

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        distances = inputs[FEATURE].ravel()
        self.calls.append(len(distances))
        if (distances == 666).any():
            raise ArtifactError("the graph broke")
        return np.where(distances == 13, np.nan, super().score(inputs))


class World:
    def __init__(self, model: Counting, challenger: Counting | None = None) -> None:
        self.model = model
        self.logged: list[tuple[list[str], list[bytes]]] = []
        predictor = Predictor(MODEL)
        trial = replace(event(1), challenger=event(3).champion) if challenger else event(1)
        predictor.switch(Serving(trial, model, NOW_MS, challenger), NOW_MS, live=True)
        self.endpoint = endpoint(predictor)
        self.batcher = MicroBatcher(self.endpoint, self.log, Scheduler())

    def log(self, of: ModelEndpoint, answered: Answered, contexts: Any) -> None:
        self.logged.append((answered.event_ids, [context.traceparent for context in contexts]))

    async def ask(self, *distances: float) -> list[float]:
        """The probabilities for one request; its trace is named after its first distance."""
        checked = self.endpoint.check([{"event_id": f"e{d}", FEATURE: d} for d in distances])
        answered: asyncio.Future[Part | Exception] = asyncio.get_running_loop().create_future()
        context = RequestContext(f"t{distances[0]}".encode())
        self.batcher.join(checked, context, answered.set_result)
        part = await answered
        if isinstance(part, Exception):
            raise part
        return [answer["probability"] for answer in part.answered.answers_of(part.start, part.stop)]

    def ask_all(self, *requests: tuple[float, ...]) -> list[Any]:
        async def run() -> list[Any]:
            return await asyncio.gather(*(self.ask(*r) for r in requests), return_exceptions=True)

        return asyncio.run(run())


def test_what_comes_together_is_one_call_and_each_gets_its_own() -> None:
    world = World(Counting())
    assert world.ask_all((100.0,), (200.0, 300.0), (400.0,)) == [
        [pytest.approx(0.1)], [pytest.approx(0.2), pytest.approx(0.3)], [pytest.approx(0.4)],
    ]  # fmt: skip
    assert world.model.calls == [4]
    assert world.logged == [(["e100.0", "e200.0", "e300.0", "e400.0"], [b"t100.0", b"t200.0", b"t200.0", b"t400.0"])]


def test_what_comes_later_is_a_call_of_its_own() -> None:
    world = World(Counting())

    async def run() -> None:
        for distance in (100.0, 200.0):
            await world.ask(distance)

    asyncio.run(run())
    assert world.model.calls == [1, 1]


def test_a_call_has_no_more_than_so_many_rows() -> None:
    world = World(Counting())
    answers = world.ask_all(*[(100.0 + n,) for n in range(ENOUGH + 8)])
    assert world.model.calls == [ENOUGH, 8]
    assert [a[0] for a in answers] == [pytest.approx(0.1 + n / 1_000, abs=1e-6) for n in range(ENOUGH + 8)]


def test_gathering_can_be_switched_off() -> None:
    world = World(Counting())
    world.batcher = MicroBatcher(world.endpoint, world.log, Scheduler(), most=1)
    world.ask_all((100.0,), (200.0,))
    assert world.model.calls == [1, 1]


def test_a_model_that_gains_nothing_scores_each_request_alone() -> None:
    model = Counting()
    model.gains_by_batches = False
    world = World(model)
    world.ask_all((100.0,), (200.0, 300.0))
    assert model.calls == [1, 2]
    assert [traces for _, traces in world.logged] == [[b"t100.0"], [b"t200.0", b"t200.0"]]


def test_during_a_trial_each_request_is_a_call() -> None:
    champion = Counting()
    World(champion, Counting(3)).ask_all((100.0,), (200.0,))
    assert champion.calls == [1, 1]


def test_a_row_without_an_answer_fails_its_own_request_alone() -> None:
    world = World(Counting())
    good, bad, other = world.ask_all((100.0,), (13.0,), (200.0,))
    assert (good, other) == ([pytest.approx(0.1)], [pytest.approx(0.2)])
    assert isinstance(bad, InvalidInstances)
    assert [ids for ids, _ in world.logged] == [["e100.0"], ["e200.0"]]


def test_a_row_that_breaks_the_graph_fails_its_own_request_alone() -> None:
    world = World(Counting())
    good, bad = world.ask_all((100.0,), (666.0,))
    assert good == [pytest.approx(0.1)]
    assert isinstance(bad, ArtifactError)


@pytest.mark.parametrize("requests", [((100.0,),), ((100.0,), (200.0, 300.0))])
def test_where_predictions_cannot_be_logged_they_are_answered_all_the_same_and_counted_as_lost(
    requests: tuple[tuple[float, ...], ...], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the log broke")

    lost = metrics.LOG_LOST.labels(MODEL, "defect")
    before = value_of(lost)
    world = World(Counting())
    world.batcher = MicroBatcher(world.endpoint, broken, Scheduler())
    assert world.ask_all(*requests) == [[pytest.approx(d / 1_000) for d in request] for request in requests]
    assert value_of(lost) - before == sum(map(len, requests))
    (told,) = [record for record in caplog.records if record.message == "REST predictions cannot be logged"]
    assert told.exc_info is not None


def test_a_client_that_cannot_be_answered_leaves_no_other_without_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    def gone(_: Part | Exception) -> None:
        raise ConnectionResetError

    world = World(Counting())

    async def run() -> list[float]:
        world.batcher.join(world.endpoint.check([{FEATURE: 50.0}]), RequestContext(b""), gone)
        return await world.ask(100.0)

    assert asyncio.run(run()) == [pytest.approx(0.1)]
    assert [record.message for record in caplog.records] == ["a request cannot be answered"]


def order_of(*asked: tuple[str, bool, int]) -> list[str]:
    """The order in which models are answered that are asked at once, and were a moment ago: name, whether it gains by
    batches, requests.
    """
    scheduler, order = Scheduler(), list[str]()
    for name, _, _ in asked:
        scheduler.note(name)

    async def run() -> None:
        batchers = {}
        for name, gains, _ in asked:
            world = World(Counting())
            world.model.gains_by_batches = gains
            world.endpoint.spec = replace(world.endpoint.spec, name=name)
            batchers[name] = (world, MicroBatcher(world.endpoint, lambda *_: None, scheduler))
        ended = asyncio.get_running_loop().create_future()

        def done(name: str) -> None:
            order.append(name)
            if len(order) == sum(number for _, _, number in asked):
                ended.set_result(None)

        for name, _, number in asked:
            world, batcher = batchers[name]
            for _ in range(number):
                batcher.join(
                    world.endpoint.check([{FEATURE: 1.0}]), RequestContext(b""), lambda _, name=name: done(name)
                )
        await asyncio.wait_for(ended, 10)

    asyncio.run(run())
    return order


@pytest.mark.parametrize(("gains", "most"), [(False, ALONE), (True, ENOUGH)])
def test_one_request_waits_for_one_call_of_a_busy_model_or_for_a_few_that_are_calls_of_their_own(
    gains: bool, most: int
) -> None:
    order = order_of(("busy", gains, 200), ("other", False, 1))
    assert (len(order), order.index("other")) == (201, most)


def test_models_that_gain_nothing_by_batches_alternate() -> None:
    order = order_of(("a", False, 40), ("b", False, 10))
    assert order[: 4 * ALONE] == (["a"] * ALONE + ["b"] * ALONE) * 2
    assert order[-20:] == ["a"] * 20


def test_while_one_model_alone_is_asked_it_waits_for_no_rounds() -> None:
    """All of its requests are answered before what the loop was asked to do after they had come."""
    world, order = World(Counting()), list[str]()
    world.model.gains_by_batches = False

    async def run() -> None:
        checked = world.endpoint.check([{FEATURE: 1.0}])
        for _ in range(9):
            world.batcher.join(checked, RequestContext(b""), lambda _: order.append("answer"))
        asyncio.get_running_loop().call_soon(order.append, "next")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert order == ["answer"] * 9 + ["next"]
