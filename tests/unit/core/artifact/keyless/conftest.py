from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.core.artifact.keyless.fake_sigstore import FakeSigstore
from tests.unit.core.artifact.keyless.teams import Team


@pytest.fixture
def fake() -> Iterator[FakeSigstore]:
    services = FakeSigstore()
    yield services
    services.stop()


@pytest.fixture
def team(tmp_path: Path, fake: FakeSigstore) -> Team:
    return Team(tmp_path, fake)
