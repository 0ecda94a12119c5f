"""A graph from elsewhere: where it comes from, which of its outputs is the score, whether it fits the model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill.artifact import ArtifactError, Manifest, OnnxModel, feature_columns
from tidemill.artifact.graph_guard import check_graph

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

MLFLOW = "mlflow:"
LIKELY = ("probabilities", "output_probability", "probability", "value", "variable", "output")
"""Names that exporters give the output that we need."""


def read_graph(source: str, tracking_uri: str) -> bytes:
    """The bytes of FILE.onnx, or of the one .onnx file behind `mlflow:URI`. Raises ValueError."""
    if source.startswith(MLFLOW):
        return _from_mlflow(source.removeprefix(MLFLOW), tracking_uri)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ValueError(f"{source} cannot be read: {error.strerror}") from error


def fitted(
    data: bytes, spec: ModelSpec, *, output: str | None, classes: tuple[str, ...], data_set: dict[str, Any]
) -> OnnxModel:
    """The graph as a model of the model file, of version 0. Raises ArtifactError where it does not fit: it needs an
    input of shape [n, 1] for every feature (text for a category, float for a number; `<time>_<part>` for a time).
    """
    check_graph(data)
    task = spec.target.task
    names = classes or (("false", "true") if task == "binary" else ())
    try:
        manifest = Manifest(
            model=spec.name, version=0, task=task, output=output or likely_output(data),
            features=feature_columns(spec.features), classes=names if task != "regression" else (),
            positive_class=names[1] if task == "binary" and len(names) == 2 else None, data_set=data_set,
        )  # fmt: skip
    except ValueError as error:
        raise ArtifactError(f"{error}: say --classes A,B,… in the order of the graph's output") from error
    return OnnxModel.load(data, manifest)


def likely_output(data: bytes) -> str:
    """The numeric output that is the score. Raises ArtifactError where there is none, or more than one that may be."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base of their own
        raise ArtifactError(f"ONNX Runtime does not load the model: {error}") from error
    every = {tensor.name: tensor.type for tensor in session.get_outputs()}
    numeric = [name for name, kind in every.items() if kind in ("tensor(float)", "tensor(double)")]
    named = [name for name in LIKELY if name in numeric]
    if len(numeric) == 1 or named:
        return named[0] if named else numeric[0]
    if not numeric:
        raise ArtifactError(
            f"no output is a tensor of numbers: {every}. Of scikit-learn export with options={{'zipmap': False}}"
        )
    raise ArtifactError(f"which output is the score? Say --output, one of {', '.join(numeric)}")


def _from_mlflow(uri: str, tracking_uri: str) -> bytes:
    try:
        import mlflow
    except ImportError:
        raise ValueError("to import from MLflow install it: pip install mlflow-skinny") from None
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(tracking_uri)
    try:
        folder = Path(mlflow.artifacts.download_artifacts(uri))
    except (MlflowException, OSError) as error:
        raise ValueError(f"MLflow has nothing at {uri}: {error}") from error
    graphs = [folder] if folder.suffix == ".onnx" else sorted(folder.rglob("*.onnx"))
    if len(graphs) != 1:
        raise ValueError(f"{uri} has {len(graphs)} ONNX files, not one: log it with mlflow.onnx; nothing is unpickled")
    return graphs[0].read_bytes()
