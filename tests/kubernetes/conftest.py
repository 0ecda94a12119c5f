"""One cluster for all tests here: control plane, KEDA, what a team has of its own, two nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.beside import Beside, started
from tests.kubernetes.cluster import control_plane, keda
from tests.kubernetes.cluster.api import Api
from tests.kubernetes.cluster.control_plane import Cluster
from tests.kubernetes.cluster.enter import inside
from tests.kubernetes.cluster.tools import tools
from tests.kubernetes.node.node import Node

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out where no network of their own was entered: `make k8s-test` does."""
    ours = [item for item in items if HERE in item.path.parents]
    if ours and not inside():
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane with KEDA and with the kinds of others that the overlays use. No node is there."""
    started_here = control_plane.start(tools(), tmp_path_factory.mktemp("cluster"))
    try:
        keda.start_keda(started_here)
        control_plane.know_foreign_kinds(started_here)
        yield started_here
    finally:
        started_here.children.stop()


@pytest.fixture(scope="session")
def beside(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """Kafka, PostgreSQL, Redis and a store."""
    with started(tmp_path_factory.mktemp("beside"), root) as here:
        yield here


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """The administrator's own connection."""
    one = Api(cluster.kubeconfig)
    yield one
    one.close()


@pytest.fixture(scope="session")
def nodes(cluster: Cluster, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Two, at work."""
    folder = tmp_path_factory.mktemp("pods")
    made = [Node(Api(cluster.kubeconfig), f"node-{number}", folder, root, number) for number in (1, 2)]
    for node in made:
        node.start()
    try:
        yield made
    finally:
        for node in made:
            node.stop()
    for node in made:
        node.check()


@pytest.fixture(scope="session")
def report(root: Path) -> Iterator[dict[str, Any]]:
    """What the tests find, written to `var/k8s/report.json` at the end."""
    found: dict[str, Any] = {"overlays": [], "scaled": {}, "lost": None, "duplicated": None, "seconds": None}
    yield found
    path = root / "var/k8s/report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
