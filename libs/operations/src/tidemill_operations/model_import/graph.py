"""A graph from elsewhere: where it comes from, which of its outputs is the score, whether it fits the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidemill.artifact import ArtifactError, CheckedGraph, Golden, Manifest, OnnxModel, Prover, feature_columns
from tidemill.artifact.onnx_model import MAX_ROWS_AT_ONCE
from tidemill.artifact.sandbox.proof import MOST_ROWS
from tidemill.rows.features import input_kinds
from tidemill_operations.model_import.classes import Classes, check_labels, settled
from tidemill_operations.model_import.described import Described
from tidemill_operations.model_import.scores import score_outputs, width_of
from tidemill_operations.model_import.shaping import SCORES, is_served_as_it_is, label_output, shaped

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

MLFLOW = "mlflow:"


def read_graph(source: str, tracking_uri: str) -> bytes:
    """The bytes of FILE.onnx, or of the one .onnx file behind `mlflow:URI`. Raises ValueError."""
    if source.startswith(MLFLOW):
        return _from_mlflow(source.removeprefix(MLFLOW), tracking_uri)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ValueError(f"{source} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Meant:
    """What a person says of a graph; empty or None is left to the graph."""

    output: str | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive: str | None = None
    logits: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A graph in the form that is served, as version 0. `label`: its own output that names the class of a row; `own`:
    its own names of the classes.
    """

    data: bytes
    manifest: Manifest
    classes: Classes
    label: str | None
    own: tuple[str, ...] | None
    changed: bool

    def told(self) -> str:
        """How it was understood, for a person."""
        form = "put into the form that is served" if self.changed else "served as it is"
        if not self.classes.names:
            return f"{form}; its output is the value"
        columns = ", ".join(f"{place} is {name}" for place, name in enumerate(self.classes.names, 1))
        answer = f"; it is asked for P({self.classes.positive})" if self.classes.positive else ""
        return f"{form}; column {columns}{answer}"


def fitted(data: bytes, spec: ModelSpec, meant: Meant, data_set: dict[str, Any]) -> Fitted:
    """The graph put into the form that is served (see `shaping`). Raises ArtifactError where it does not fit the model
    file or what is said of it.
    """
    graph, task = Described.of(data), spec.target.task
    outputs, own = score_outputs(graph, meant.output)
    width = len(outputs) if len(outputs) > 1 else width_of(graph, outputs[0])
    if task == "multiclass" and width == 1:
        raise ArtifactError(f"the output {outputs[0]} is one column: a multiclass model has one for each class")
    if task == "regression" and (width not in (1, None) or meant.logits):
        raise ArtifactError(
            f"the output {outputs[0]} has {width} columns (--logits: {meant.logits}), a regression is one value"
        )
    classes = settled(task, own, meant.classes, meant.positive, width=width)
    kinds = input_kinds(spec.features)
    exported = any(port.name == outputs[0] for port in graph.outputs)
    as_it_is = (
        len(outputs) == 1 and exported and not meant.logits
        and is_served_as_it_is(graph, kinds, outputs[0], len(classes.names) or 1)
    )  # fmt: skip
    if not as_it_is:
        data = shaped(
            graph, kinds, meant.columns, outputs, single=task == "binary" and width == 1, logits=meant.logits, task=task
        )
    try:
        manifest = Manifest(
            model=spec.name, version=0, task=task, output=outputs[0] if as_it_is else SCORES,
            features=feature_columns(spec.features), classes=classes.names, positive_class=classes.positive,
            data_set=data_set, threshold=None if spec.target.cost is None else spec.target.cost.bayes_threshold,
        )  # fmt: skip
    except ValueError as error:
        raise ArtifactError(f"{error}: say --classes A,B,… in the order of the graph's output") from error
    return Fitted(data, manifest, classes, label_output(graph, as_it_is), own, not as_it_is)


def proved(fit: Fitted, inputs: Mapping[str, np.ndarray[Any, Any]], prover: Prover) -> OnnxModel:
    """The model, after a process that may die has loaded it and asked it for these rows: see `prove`. Its columns are
    held against its own label of each row, where it has one. Raises ArtifactError.
    """
    rows = {name: values[:MOST_ROWS] for name, values in inputs.items()}
    asked = Golden(rows, np.zeros(len(next(iter(rows.values())))))
    prover.prove(CheckedGraph(fit.data), fit.manifest, asked, repeats=False, batch=MAX_ROWS_AT_ONCE)
    model = OnnxModel.load(fit.data, fit.manifest)
    if fit.label is not None and fit.classes.names:
        check_labels(model.answers(inputs), model.other_output(fit.label, inputs), fit.classes, fit.own)
    return model


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
