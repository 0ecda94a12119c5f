"""The exactly-once loop under both group protocols: members come and go, nothing is lost or repeated."""

from __future__ import annotations

import pytest

from tests.broker.runtime.harness import World, running
from tests.support.polling import until


@pytest.fixture(params=["classic", "consumer"])
def world(request: pytest.FixtureRequest, kafka: str, prefix: str) -> World:
    return World(kafka, prefix, group_protocol=request.param)


def test_partitions_move_to_a_member_that_joins_and_back_when_it_leaves(world: World) -> None:
    world.feed(0, 2_000)
    with running(world, name="0") as first:
        until(lambda: len(first.runner.assigned) == 4, 60, "the first member holds all")
        with running(world, name="1") as second:
            until(lambda: len(second.runner.assigned) == 2, 60, "the second holds half")
            until(lambda: len(first.runner.assigned) == 2, 60, "the first has given up half")
            world.feed(2_000, 2_000)
            until(lambda: len(world.written()) >= 4_000, 60, "all records written by both")
        until(lambda: len(first.runner.assigned) == 4, 60, "the first holds all again")
        world.feed(4_000, 2_000)
        until(lambda: len(world.written()) >= 6_000, 60, "the records after the rebalance are written")
    assert (first.error, second.error) == (None, None)
    assert world.written() == list(range(6_000))


def test_an_idle_group_has_no_lag_at_all(world: World) -> None:
    world.feed(0, 400)
    with running(world) as work:
        until(lambda: set(world.lag().values()) == {0}, 60, "the lag is exactly 0")
    assert work.error is None
