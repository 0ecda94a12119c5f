"""A world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.trainer.world import World
from tidemill.settings import KafkaSettings


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    """A small platform around the trainer, which the test starts."""
    made = World(root, tmp_path, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix))
    yield made
    made.close()
