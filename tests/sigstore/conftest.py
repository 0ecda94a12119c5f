"""Deployments for the tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sigstore.deployment import Sigstore
from tests.sigstore.tools import built

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out where Sigstore's servers were not built: `make sigstore-test` does."""
    ours = [item for item in items if HERE in item.path.parents]
    if ours and not built():
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sigstore]:
    """One for all tests: what a test stops it starts again."""
    with Sigstore(tmp_path_factory.mktemp("sigstore")) as here:
        yield here


@pytest.fixture(scope="session")
def other_sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sigstore]:
    """Another, with keys of its own."""
    with Sigstore(tmp_path_factory.mktemp("other-sigstore")) as there:
        yield there
