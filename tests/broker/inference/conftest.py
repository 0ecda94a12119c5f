from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.inference.world import World


@pytest.fixture
def world(root: Path, kafka: str, prefix: str, tmp_path: Path) -> Iterator[World]:
    world = World(root, kafka, prefix, tmp_path)
    yield world
    world.close()
