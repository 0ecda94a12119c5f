"""The release before: a checkout of it that is set up, named by TIDEMILL_PREVIOUS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.harness.recording import Fault
from tests.faults.harness.service import Service
from tests.faults.harness.world import World

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Release:
    """A checkout with its own `.venv`."""

    folder: Path

    def start(self, world: World, kind: str, instance: int) -> Service:
        """A service of this release, with the platform's schemas as it has them; models are the platform's."""
        python = str(self.folder / ".venv/bin/python")
        return world.start(kind, instance, python=python, schemas=self.folder / "schemas")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out where no release before is named: `make rolling` does."""
    ours = [item for item in items if HERE in item.path.parents]
    if ours and "TIDEMILL_PREVIOUS" not in os.environ:
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture
def before() -> Release:
    """The release before. Fails with what to do where it is not set up."""
    release = Release(Path(os.environ["TIDEMILL_PREVIOUS"]).resolve())
    assert (release.folder / ".venv/bin/python").exists(), f"run `make setup` in {release.folder} first"
    return release


@pytest.fixture
def now(root: Path) -> Release:
    """This checkout."""
    return Release(root)


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    """A platform's topics on the run's broker; what is started in it is ended with it."""
    made = World(root, kafka, prefix, tmp_path, Fault(0, "two releases at once", seed=7))
    try:
        yield made
    finally:
        made.close()
