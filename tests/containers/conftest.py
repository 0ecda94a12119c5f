"""One stack for all tests here: built, started and, in the end, removed with its volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import lacking
from tests.containers.stack import Stack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out where no engine runs. `make containers` says so before it begins."""
    ours = [item for item in items if HERE in item.path.parents]
    if ours and lacking():
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session")
def stack(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole file, up and healthy."""
    stack = Stack(root, tmp_path_factory.mktemp("compose"))
    stack.make_passwords()
    stack.build()
    try:
        stack.up()
        yield stack
    finally:
        (stack.folder / "containers.log").write_text("\n".join(stack.logs()))
        stack.compose("down", "--volumes", "--remove-orphans")
