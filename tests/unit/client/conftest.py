from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.client.served import World, world
from tidemill.client import Client


@pytest.fixture(scope="module")
def running(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(root, tmp_path_factory.mktemp("keys")) as found:
        yield found


@pytest.fixture
def platform(running: World) -> World:
    """Both services, with nothing stored yet."""
    running.ingest.sink.published.clear()
    running.ingest.sink.failures.clear()
    return running


@pytest.fixture
def client(platform: World) -> Iterator[Client]:
    with platform.client() as client:
        yield client
