"""A version as a model of MLflow's own form: the folder that `mlflow.onnx.save_model` would write, without pandas,
which the training process leaves out. A test loads it with MLflow itself.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, Golden, Manifest
from tidemill_trainer.training.tracker import Logged

EXAMPLE_ROWS = 5
EXAMPLE_FILE, SERVING_EXAMPLE_FILE = "input_example.json", "serving_input_example.json"
REQUIREMENTS = ("mlflow", "onnx", "onnxruntime")
KINDS = {"tensor(string)": "object", "tensor(double)": "float64", "tensor(float)": "float32", "tensor(int64)": "int64"}
"""As numpy, and so MLflow, calls them. MLflow hands columns of a table over as [n], and a graph wants [n, 1]: so the
signature is one of tensors.
"""


def write_model(folder: Path, logged: Logged) -> None:
    """Write `MLmodel`, the graph, an input example, the card and what stands beside the graph in our artifact."""
    manifest, files = logged.manifest, logged.files
    folder.mkdir(parents=True, exist_ok=True)
    inputs, outputs = _tensors(files[MODEL_FILE])
    example = _example(manifest, files[GOLDEN_FILE])
    for name in (MODEL_FILE, REFERENCE_FILE, GOLDEN_FILE):
        (folder / name).write_bytes(files[name])
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    (folder / "README.md").write_text(logged.card, encoding="utf-8")
    (folder / EXAMPLE_FILE).write_text(json.dumps(example), encoding="utf-8")
    (folder / SERVING_EXAMPLE_FILE).write_text(json.dumps({"inputs": example}), encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in _requirements()), encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        yaml.safe_dump({"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}), encoding="utf-8"
    )
    described = _described(
        inputs,
        outputs.get(manifest.output, "tensor(double)"),
        manifest.output,
        manifest.tracking_run,
        manifest.created_at,
    )
    (folder / "MLmodel").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")


def _described(inputs: dict[str, str], kind: str, output: str, tracking_run: str, now_ms: int) -> dict[str, Any]:
    taken, given = [_tensor(name, one, 1) for name, one in inputs.items()], [_tensor(output, kind, -1)]
    return {
        "artifact_path": "model",
        "flavors": {
            "onnx": {
                "code": None, "data": MODEL_FILE, "onnx_version": version_of("onnx"),
                "providers": ["CPUExecutionProvider"],
            },
            "python_function": {
                "data": MODEL_FILE, "env": {"virtualenv": "python_env.yaml"}, "loader_module": "mlflow.onnx",
                "python_version": platform.python_version(),
            },
        },
        "mlflow_version": version_of("mlflow-skinny"),
        "run_id": tracking_run,
        "saved_input_example_info": {
            "artifact_path": EXAMPLE_FILE, "serving_input_path": SERVING_EXAMPLE_FILE, "type": "ndarray",
            "format": "tf-serving",
        },
        "signature": {"inputs": json.dumps(taken), "outputs": json.dumps(given), "params": None},
        "utc_time_created": datetime.fromtimestamp(now_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }  # fmt: skip


def _tensors(graph: bytes) -> tuple[dict[str, str], dict[str, str]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return {one.name: one.type for one in session.get_inputs()}, {one.name: one.type for one in session.get_outputs()}


def _tensor(name: str, kind: str, width: int) -> dict[str, Any]:
    return {"type": "tensor", "name": name, "tensor-spec": {"dtype": KINDS.get(kind, "float64"), "shape": [-1, width]}}


def _example(manifest: Manifest, golden: bytes) -> dict[str, Any]:
    """Rows of the golden ones, those without nulls first, in the form that MLflow calls `tf-serving`."""
    rows = Golden.from_bytes(golden, manifest).inputs
    values = [[_plain(column[k, 0]) for column in rows.values()] for k in range(len(next(iter(rows.values()))))]
    values.sort(key=lambda row: sum(value is None for value in row))
    kept = values[:EXAMPLE_ROWS]
    return {name: [[row[at]] for row in kept] for at, name in enumerate(rows)}


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return None if np.isnan(number) else number


def _requirements() -> list[str]:
    known = {name: version_of("mlflow-skinny" if name == "mlflow" else name) for name in REQUIREMENTS}
    return [f"{name}=={number}" for name, number in known.items()]
