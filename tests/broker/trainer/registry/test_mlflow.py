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
from mlflow.tracking import MlflowClient

from tests.support.models.foreign_models import foreign_graph
from tests.support.polling import until
from tests.unit.learning.examples import labelled, spec
from tests.unit.learning.training.test_train import CUT_OFF, still
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactStore,
    Golden,
    Manifest,
    artifact_uri,
    feature_columns,
    fetch_artifact,
    write_artifact,
)
from tidemill.contracts.events.platform import DataSet, OffsetRange
from tidemill_learning.reference import reference_bytes
from tidemill_learning.training.train import train
from tidemill_trainer.mlflow.projection import projection
from tidemill_trainer.training.tracker import Logged

pytestmark = pytest.mark.long

DATA_SET = DataSet(
    table_uri="file:///t/toy", table_version=7,
    offsets=(OffsetRange(topic="toy-clean", partition=0, first=0, last=1_499),),
)  # fmt: skip
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
ASK = """
import json, sys, mlflow, onnxruntime, numpy as np
from mlflow.tracking import MlflowClient
uri, golden = sys.argv[1:3]
mlflow.set_tracking_uri(uri)
graph = mlflow.onnx.load_model("models:/toy@champion")
session = onnxruntime.InferenceSession(graph.SerializeToString())
kinds = {"tensor(string)": object, "tensor(double)": np.float64, "tensor(float)": np.float32}
rows = {one.name: np.array(json.load(open(golden))[one.name], dtype=kinds[one.type]) for one in session.get_inputs()}
scores = session.run(["probabilities"], rows)[0]
model = mlflow.pyfunc.load_model("models:/toy@champion")
example = model.input_example
client = MlflowClient()
version = client.get_model_version_by_alias("toy", "champion")
run = client.get_run(version.run_id)
answers = model.predict(example)
(data_set,) = run.inputs.dataset_inputs
print(json.dumps({
    "scores": scores[:, 1].tolist(), "entries": len(client.search_model_versions("name = 'toy'")),
    "kind": client.get_experiment(run.info.experiment_id).tags["mlflow.experimentKind"],
    "digest": data_set.dataset.digest,
    "graph_inputs": [one.name for one in graph.graph.input],
    "signature": model.metadata.signature.inputs.to_dict(),
    "outputs": model.metadata.signature.outputs.to_dict(),
    "example_rows": len(example["place"]), "answers": answers["probabilities"].tolist(),
    "run_name": run.info.run_name, "commit": run.data.tags.get("mlflow.source.git.commit", ""),
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
    told = projection(store, ArtifactStore((tmp_path / "artifacts").as_uri()), 200)
    run = told.begin("toy", "r1", {"mlflow.source.git.commit": "0123abcd" * 5}, "toy first_data, begun")
    told.learned_from(run, "toy", DATA_SET, 1_500, {"wind": "double"})
    logged, golden = _made(run, tmp_path)
    for _ in range(2):  # what is done again makes no second entry
        told.log_version(logged)
        told.end(run, name="toy v1 first_data 2026-11-29")
        told.follow(logged.spec, {"champion": _arm(logged)})

    found = _asked(store, golden, tmp_path)

    assert found["graph_inputs"] == list(logged.manifest.inputs) and found["entries"] == 1
    assert found["scores"] == golden.scores.tolist(), "exactly what the training saw"
    assert {one["name"]: one["tensor-spec"]["dtype"] for one in found["signature"]} == {
        "place": "object", **dict.fromkeys(("wind", "rain", "seen_at_hour", "seen_at_weekday"), "float64"),
    }  # fmt: skip
    assert found["outputs"][0]["name"] == "probabilities" and found["example_rows"] == 5
    assert np.abs(np.array(found["answers"])[:, 1][:, None] - golden.scores[None, :]).min(axis=1).max() < 1e-6
    assert (found["run_name"], found["commit"]) == ("toy v1 first_data 2026-11-29", "0123abcd" * 5)
    assert found["kind"] == "custom_model_development"
    assert {"model/MLmodel", "model/README.md", "model/model.onnx", "model/reference.json"} <= set(found["artifacts"])
    assert found["data_set"] == "toy rows, table version 7" and len(found["digest"]) == 16
    assert found["source"]["path"] == "file:///t/toy" and found["source"]["delta_table_version"] == 7
    assert "toy, version 1" in found["description"] and found["tags"]["tidemill.version"] == "1"


def test_an_mlflow_that_was_lost_is_told_again_from_the_artifacts(tmp_path: Path) -> None:
    logged, golden = _foreign(tmp_path, 1.0)
    store = f"sqlite:///{tmp_path / 'new.db'}"
    for _ in range(2):
        projection(store, ArtifactStore((tmp_path / "artifacts").as_uri()), 200).follow(
            logged.spec, {"champion": _arm(logged)}
        )
    found = _asked(store, golden, tmp_path)
    assert found["entries"] == 1 and found["run_name"] == "toy v1 restored" and found["example_rows"] == 2
    assert np.allclose(found["scores"], golden.scores) and np.allclose(np.array(found["answers"])[:, 1], golden.scores)


def test_another_attempt_of_a_version_takes_the_place_of_the_first(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    told = projection(store, ArtifactStore((tmp_path / "artifacts").as_uri()), 200)
    for weight in (1.0, 2.0):
        logged, golden = _foreign(tmp_path, weight, told.begin("toy", "r1", {}, f"attempt {weight}"))
        told.learned_from(logged.manifest.tracking_run, "toy", DATA_SET, 3, {})
        told.log_version(logged)
    told.follow(logged.spec, {"champion": _arm(logged)})
    found = _asked(store, golden, tmp_path)
    assert found["entries"] == 1 and np.allclose(found["scores"], golden.scores)
    assert found["run_name"] == "attempt 2.0"


def test_old_runs_are_cleared_away_with_their_files_but_never_what_serves(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    told = projection(store, ArtifactStore((tmp_path / "artifacts").as_uri()), 2)
    logged, _golden = _foreign(tmp_path, 1.0)
    told.follow(logged.spec, {"champion": _arm(logged)})
    for number in range(2, 6):
        later, _ = _foreign(tmp_path, number, told.begin("toy", f"r{number}", {}, f"toy v{number}"), number)
        told.log_version(later)
        told.end(later.manifest.tracking_run)
    told.follow(logged.spec, {"champion": _arm(logged)})
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("toy")
    left = [run.info.run_name for run in client.search_runs([experiment.experiment_id])]
    assert sorted(left) == ["toy v1 restored", "toy v4", "toy v5"]
    assert len(client.search_model_versions("name = 'toy'")) == 3
    assert len(list((tmp_path / "mlflow-artifacts").glob("**/model.onnx"))) == 3


def _made(run: str, folder: Path) -> tuple[Logged, Golden]:
    """A version that was learned here, as an artifact."""
    made = spec("binary")
    trained = train(made, labelled("binary"), CUT_OFF, still())
    golden = Golden(*trained.golden, trained.golden_tolerance)
    manifest = Manifest(
        model="toy", version=1, task="binary", output=trained.output, features=feature_columns(made.features),
        classes=trained.classes, positive_class="true", run_id="r1", tracking_run=run, data_set=DATA_SET.to_dict(),
        metrics=trained.metrics, created_at=1_700_000_000_000, git_sha="0123abcd" * 5, libraries={"onnx": "1"},
    )  # fmt: skip
    return _logged(folder, trained.graph, reference_bytes(trained.reference), golden, manifest), golden


def _foreign(folder: Path, weight: float, run: str = "", version: int = 1) -> tuple[Logged, Golden]:
    """A version whose graph takes single floats, as an artifact."""
    features = tuple(one for one in spec("binary").features if one.name in ("wind", "place"))
    inputs = {"place": np.array([["a"], ["b"]], dtype=object), "wind": np.array([[1.0], [2.0]])}
    golden = Golden(inputs, 1 / (1 + np.exp(-weight * inputs["wind"].ravel())))
    manifest = Manifest(
        model="toy", version=version, task="binary", output="probabilities", features=feature_columns(features),
        classes=("false", "true"), positive_class="true", run_id=f"r{version}", tracking_run=run,
        data_set=DATA_SET.to_dict(), created_at=1_700_000_000_000,
    )  # fmt: skip
    reference = json.dumps({"rows": 3, "event_time": [0, 1]}).encode()
    return _logged(folder, foreign_graph(["wind"], ["place"], weight=weight), reference, golden, manifest), golden


def _logged(folder: Path, graph: bytes, reference: bytes, golden: Golden, manifest: Manifest) -> Logged:
    files = {MODEL_FILE: graph, REFERENCE_FILE: reference, GOLDEN_FILE: golden.to_bytes()}
    uri = artifact_uri((folder / "artifacts").as_uri(), "toy", manifest.version, manifest.run_id)
    digest = write_artifact(uri, files, manifest)
    return Logged(spec("binary"), fetch_artifact(uri, digest).manifest, files, uri, digest, "Learned.")


def _arm(logged: Logged) -> dict[str, Any]:
    return {"version": logged.manifest.version, "artifact_uri": logged.uri, "manifest_digest": logged.digest}


def _asked(store: str, golden: Golden, folder: Path) -> dict[str, Any]:
    """What MLflow's own client says, in a process that knows nothing of us."""
    rows = folder / "rows.json"
    rows.write_text(json.dumps({name: values.tolist() for name, values in golden.inputs.items()}))
    ask = [sys.executable, "-c", ASK, store, str(rows)]
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
