from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from tests.support.models.foreign_models import foreign_graph
from tidemill.access.storage.audit import acts
from tidemill.artifact import ArtifactError, fetch_artifact
from tidemill.artifact.staging import SAMPLE_FILE, read_sample
from tidemill.contracts.model_file import load_models
from tidemill.database import connect
from tidemill.rows.features import input_kinds
from tidemill_cli.app import cli
from tidemill_cli.commands.models import retrain
from tidemill_operations.model_import.described import Described
from tidemill_operations.model_import.graph import Meant, fitted, read_graph
from tidemill_operations.model_import.scores import score_outputs

ROOT = Path(__file__).resolve().parents[4]
MODEL = "telecom-churn"
SPEC = load_models(ROOT / "models", only=[MODEL])[MODEL]
KINDS = input_kinds(SPEC.features)
NUMBERS = ["tenure", *(name for name, kind in KINDS.items() if kind == "number" and name != "tenure")]
CATEGORIES = [name for name, kind in KINDS.items() if kind == "category"]
DATA_SET = {"table_uri": "", "table_version": 0, "offsets": []}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The requests that were sent, in a place without a broker."""
    monkeypatch.chdir(tmp_path)
    told = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1", "SCHEMAS": ROOT / "schemas", "MODELS_DIR": ROOT / "models",
        "ARTIFACTS": (tmp_path / "artifacts").as_uri(), "DATABASE_URL": f"sqlite:///{tmp_path / 'tidemill.db'}",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", str(value))
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("tidemill.kafka.client.scan.bounds", lambda settings, topic: {})
    monkeypatch.setattr(retrain, "send", lambda platform, request: sent.append(request))
    monkeypatch.setattr("tidemill_operations.feed.Feed", lambda *_: None)
    (tmp_path / "model.onnx").write_bytes(foreign_graph(NUMBERS, CATEGORIES, weight=0.1))
    rows = [{"contract": "One year", "tenure": n, "billed_at": 1_700_000_000_000 + n} for n in range(30)]
    (tmp_path / "sample.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    golden = [row | {"expected": 1 / (1 + np.exp(-0.1 * n))} for n, row in enumerate(rows)]
    (tmp_path / "golden.jsonl").write_text("\n".join(json.dumps(row) for row in golden))
    return sent


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", "import", *arguments, "--model", MODEL, "--reason", "why", "--no-wait"])


def test_a_fitting_model_is_put_down_and_asked_for_by_its_digest(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    done = run("model.onnx", "--golden", "golden.jsonl", "--sample", "sample.jsonl")
    assert done.exit_code == 0, done.output
    (request,) = asked
    first, second = request["evidence"]
    artifact = fetch_artifact(first["subject"], first["detail"])
    assert artifact.manifest.version == 0
    assert artifact.manifest.output == "probabilities"
    assert read_sample(artifact.files[SAMPLE_FILE]).num_rows == 30
    assert (first["detector"], second["detail"], request["cause"]) == ("import", "why", "manual")
    (act,) = acts(connect(f"sqlite:///{tmp_path / 'tidemill.db'}"))
    assert (act.act, act.subject, act.detail["source"]) == ("models.import", MODEL, "model.onnx")


def test_a_sample_whose_rows_are_packed_is_refused_unread() -> None:
    rows, out = pa.record_batch({"amount": pa.array(np.zeros(5_000_000))}), pa.BufferOutputStream()
    with pa.ipc.new_stream(out, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(rows)
    packed = out.getvalue().to_pybytes()
    assert len(packed) * 1_000 < rows.nbytes
    with pytest.raises(ArtifactError, match="compressed"):
        read_sample(packed)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_sample(b"no stream")


def test_golden_rows_that_it_does_not_repeat_are_refused(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tmp_path / "golden.jsonl").read_text().splitlines()]
    rows[7]["expected"] += 0.01
    (tmp_path / "golden.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    done = run("model.onnx", "--golden", "golden.jsonl")
    assert (done.exit_code, asked) == (1, [])
    assert "golden rows: 1 of 30 scores differ" in done.output


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"\x80\x04 a pickle in disguise", ""),
        (foreign_graph(NUMBERS[:-1], CATEGORIES), "inputs"),
        (foreign_graph(NUMBERS, [*CATEGORIES, "colour"]), "inputs"),
        (foreign_graph([*NUMBERS, CATEGORIES[0]], CATEGORIES[1:]), "inputs"),
    ],
)
def test_a_graph_that_does_not_fit_the_model_file_is_refused(
    asked: list[dict[str, Any]], tmp_path: Path, graph: bytes, said: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(graph)
    done = run("model.onnx", "--sample", "sample.jsonl")
    assert (done.exit_code, asked) == (1, [])
    assert said in done.output
    assert "Traceback" not in done.output


def test_the_score_is_found_among_outputs_or_must_be_named() -> None:
    assert score_outputs(Described.of(foreign_graph(["a"], output="anything")), None) == (["anything"], None)
    with pytest.raises(ArtifactError, match="--classes"):
        fitted(foreign_graph(NUMBERS, CATEGORIES), SPEC, Meant(classes=("a", "b", "c")), DATA_SET)


def test_golden_rows_of_the_other_class_say_so(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    done = run("model.onnx", "--golden", "golden.jsonl", "--classes", "true,false")
    assert (done.exit_code, asked) == (1, [])
    assert "They fit the other class: say --classes false,true" in done.output
    done = run("model.onnx", "--golden", "golden.jsonl", "--classes", "false,true")
    assert done.exit_code == 0, done.output
    assert "column 1 is false, 2 is true; it is asked for P(true)" in done.output


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_graph(str(tmp_path / "none.onnx"), "")


def test_a_graph_logged_with_mlflow_is_found_and_a_pickle_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "logged"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"pickle")
    with pytest.raises(ValueError, match="0 ONNX files"):
        read_graph(f"mlflow:{folder.as_uri()}", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (folder / "model.onnx").write_bytes(b"graph")
    assert read_graph(f"mlflow:{folder.as_uri()}", f"sqlite:///{tmp_path / 'mlflow.db'}") == b"graph"


def test_models_shows_unless_it_is_told_to_import() -> None:
    shown = CliRunner().invoke(cli, ["models", "--help"])
    assert "import" in shown.output
    assert "Let a model that was trained elsewhere" in CliRunner().invoke(cli, ["models", "import", "--help"]).output
    assert "digest" in CliRunner().invoke(cli, ["models", "show", "--help"]).output
