"""MLflow may be off, away or hang: what is told to it is left out, and nothing waits or fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.trainer.fixtures import SPEC
from tests.unit.trainer.training.test_imported import staged
from tidemill.artifact import ArtifactStore, fetch_artifact
from tidemill.clock import FixedClock
from tidemill_trainer.mlflow import projection as module
from tidemill_trainer.mlflow.projection import REST_S, Projection, files_of, projection
from tidemill_trainer.mlflow.tracking import Tracking
from tidemill_trainer.training.imported import version_of_import

STORE = ArtifactStore("file:///nowhere")
ARM = {"version": 1, "artifact_uri": "file:///nowhere", "manifest_digest": "0"}


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a server that is not there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_a_version_is_made_where_mlflow_is_away(tmp_path: Path, closed: str) -> None:
    told = projection(closed, ArtifactStore(tmp_path.as_uri()), 10)
    found = version_of_import(
        SPEC, staged(tmp_path), 4, "run4", store=ArtifactStore(tmp_path.as_uri()), tracking=told, clock=FixedClock(99)
    )["artifact"]  # fmt: skip
    artifact = fetch_artifact(found["artifact_uri"], found["manifest_digest"])
    assert artifact.manifest.version == 4 and found["tracking_run"] == ""
    with pytest.raises(OSError, match="MLflow is away"):
        told.follow(SPEC, {"champion": ARM})


def test_without_an_address_mlflow_is_off(tmp_path: Path) -> None:
    told = projection("", ArtifactStore(tmp_path.as_uri()), 10)
    told.warm_up()
    assert told.begin("tide", "r", {}, "name") == ""
    told.follow(SPEC, {"champion": ARM})


def test_after_a_failure_it_rests_and_is_then_asked_again() -> None:
    now, asked = [0.0], []

    def connect() -> Tracking:
        asked.append(now[0])
        raise RuntimeError("of whatever kind")

    told = Projection(connect, STORE, now=lambda: now[0])
    for moment in (0.0, 1.0, REST_S - 1, REST_S + 1):
        now[0] = moment
        assert told.begin("tide", "r", {}, "name") == ""
    assert asked == [0.0, REST_S + 1]


def test_a_call_that_hangs_is_left_behind_and_no_second_one_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_S", 0.05)
    let_go, asked, now = threading.Event(), [], [0.0]

    def connect() -> Tracking:
        asked.append(now[0])
        let_go.wait(30)
        raise OSError("late")

    told = Projection(connect, STORE, now=lambda: now[0])
    began = time.monotonic()
    told.warm_up()
    now[0] = 10 * REST_S
    assert told.begin("tide", "r", {}, "name") == "" and asked == [0.0]
    assert time.monotonic() - began < 20
    let_go.set()


def test_files_of_new_experiments_are_where_their_pages_can_read_them(tmp_path: Path) -> None:
    assert files_of("http://mlflow:5000", "s3://models/a") is None
    assert files_of(f"sqlite:///{tmp_path}/mlflow.db", "s3://models/a") == (tmp_path / "mlflow-artifacts").as_uri()
    assert files_of("postgresql://db/mlflow", "s3://models/a/") == "s3://models/a-mlflow"
