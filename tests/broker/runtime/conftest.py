"""The world of what holds on a fake as on a real broker."""

from __future__ import annotations

import pytest

from tests.broker.runtime.harness import InMemoryWorld, World


@pytest.fixture(params=["in_memory", "kafka"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "in_memory":
        return InMemoryWorld()
    return World(request.getfixturevalue("kafka"), request.getfixturevalue("prefix"))
