"""A version in MLflow, asked by MLflow's own client: on SQLite and files, and on its server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.polling import until
from tests.unit.learning.examples import labelled, spec
from tests.unit.learning.test_train import CUT_OFF, still
from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, Golden, Manifest, feature_columns
from tidemill.contracts.events import DataSet, OffsetRange
from tidemill_learning.reference import reference_bytes
from tidemill_learning.training.train import train
from tidemill_trainer.adapters.tracking import Tracking
from tidemill_trainer.revision import code_revision

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
ASK = """
import json, sys, mlflow, numpy as np
from mlflow.tracking import MlflowClient
uri = sys.argv[1]
mlflow.set_tracking_uri(uri)
graph = mlflow.onnx.load_model("models:/toy@champion")
model = mlflow.pyfunc.load_model("models:/toy@champion")
example = model.input_example
client = MlflowClient()
version = client.get_model_version_by_alias("toy", "champion")
run = client.get_run(version.run_id)
answers = model.predict(example)
(data_set,) = run.inputs.dataset_inputs
print(json.dumps({
    "graph_inputs": [one.name for one in graph.graph.input],
    "signature": model.metadata.signature.inputs.to_dict(),
    "outputs": model.metadata.signature.outputs.to_dict(),
    "example_rows": len(example["place"]), "answers": answers["probabilities"].tolist(),
    "run_name": run.info.run_name, "commit": run.data.tags["mlflow.source.git.commit"],
    "artifacts": sorted(one.path for one in client.list_artifacts(version.run_id, "model")),
    "data_set": data_set.dataset.name, "source": mlflow.data.get_source(data_set).to_dict(),
    "description": version.description, "tags": version.tags,
}))
"""


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A tracking URI."""
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    if request.param == "sqlite":
        yield database
        return
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", database, "--artifacts-destination", str(tmp_path / "files")]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command, *places], stdout=log, stderr=log, env=os.environ | QUIET, start_new_session=True
        )
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/health"), 300, "MLflow's server")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def test_a_version_loads_by_mlflow_s_own_api_and_tells_what_it_was_made_from(store: str, tmp_path: Path) -> None:
    remote = store.startswith("http")
    tracking = Tracking(store, None if remote else (tmp_path / "models").as_uri())
    run = tracking.begin("toy", "r1", {"mlflow.source.git.commit": code_revision()}, "first_data 2026-11-29")
    data_set = DataSet(
        table_uri="file:///t/toy", table_version=7,
        offsets=(OffsetRange(topic="toy-clean", partition=0, first=0, last=1_499),),
    )  # fmt: skip
    tracking.learned_from(run, "toy", data_set, 1_500, {"wind": "double"})
    manifest, files, scores = _made(run, data_set)
    for _ in range(2):  # an export that is done again makes no second entry
        tracking.log_version(spec("binary"), manifest, files, "file:///a/toy/1", "Learned.", 1_700_000_000_000)
    tracking.end(run, name="version 1: gradient_boosting, first_data")
    arm = {"version": 1, "artifact_uri": "file:///a/toy/1", "tracking_run": run}
    tracking.reconcile_aliases("toy", {"champion": arm})

    found = _asked(store)

    assert found["graph_inputs"] == list(manifest.inputs)
    assert {one["name"]: one["tensor-spec"]["dtype"] for one in found["signature"]} == {
        "place": "object", **dict.fromkeys(("wind", "rain", "seen_at_hour", "seen_at_weekday"), "float64"),
    }  # fmt: skip
    assert found["outputs"][0]["name"] == "probabilities" and found["example_rows"] == 5
    assert np.abs(np.array(found["answers"])[:, 1][:, None] - scores[None, :]).min(axis=1).max() < 1e-6
    assert found["run_name"] == "version 1: gradient_boosting, first_data" and len(found["commit"]) >= 8
    assert {"model/MLmodel", "model/README.md", "model/model.onnx", "model/reference.json"} <= set(found["artifacts"])
    assert found["source"]["path"] == "file:///t/toy" and found["source"]["delta_table_version"] == 7
    assert "toy, version 1" in found["description"] and found["tags"]["tidemill.version"] == "1"


def _made(run: str, data_set: DataSet) -> tuple[Manifest, dict[str, bytes], np.ndarray]:
    made = spec("binary")
    trained = train(made, labelled("binary"), CUT_OFF, still())
    inputs, scores = trained.golden
    manifest = Manifest(
        model="toy", version=1, task="binary", output=trained.output, features=feature_columns(made.features),
        classes=trained.classes, positive_class="true", run_id="r1", tracking_run=run, data_set=data_set.to_dict(),
        metrics=trained.metrics, created_at=1_700_000_000_000, git_sha=code_revision(), libraries={"onnx": "1"},
    )  # fmt: skip
    files = {
        MODEL_FILE: trained.graph, REFERENCE_FILE: reference_bytes(trained.reference),
        GOLDEN_FILE: Golden(inputs, scores, trained.golden_tolerance).to_bytes(),
    }  # fmt: skip
    return manifest, files, scores


def _asked(store: str) -> dict[str, Any]:
    """What MLflow's own client says, in a process that knows nothing of us."""
    ask = [sys.executable, "-c", ASK, store]
    said = subprocess.run(ask, capture_output=True, text=True, check=False, env=os.environ | QUIET)
    assert said.returncode == 0, said.stderr[-3000:]
    answer: dict[str, Any] = json.loads(said.stdout.strip().splitlines()[-1])
    return answer


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
