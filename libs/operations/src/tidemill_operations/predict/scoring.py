"""Rows of a model's record to typed outputs: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tidemill.rows.features import feature_inputs

if TYPE_CHECKING:
    from tidemill_operations.predict.version import Version


def score(rows: pa.RecordBatch, version: Version) -> dict[str, pa.Array]:
    """The output columns of n rows: `probability`, or `label` and `p_<class>` for each class, or `value`.

    A row for which the model gives no number is null. Raises ArtifactError where the graph fails.
    """
    manifest = version.manifest
    scores = version.model.score(feature_inputs(rows, manifest.features))
    if manifest.task != "multiclass":
        name = "probability" if manifest.task == "binary" else "value"
        return {name: _finite(scores)}
    known = np.isfinite(scores).all(axis=1)
    labels = pa.array(manifest.classes, pa.string()).take(pa.array(np.where(known, scores.argmax(axis=1), 0)))
    label = pa.array([text if there else None for text, there in zip(labels.to_pylist(), known, strict=True)])
    return {"label": label.cast(pa.string())} | {
        f"p_{name}": _finite(scores[:, column]) for column, name in enumerate(manifest.classes)
    }


def record_outputs(columns: dict[str, pa.Array], classes: tuple[str, ...]) -> dict[str, Any]:
    """The same as columns of the prediction record: the probabilities of the classes as one map."""
    if "label" not in columns:
        return dict(columns)
    shares = [columns[f"p_{name}"].to_pylist() for name in classes]
    maps = [list(zip(classes, row, strict=True)) for row in zip(*shares, strict=True)]
    return {
        "label": columns["label"],
        "probabilities": pa.array(maps, pa.map_(pa.string(), pa.float64())),
    }


def _finite(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))
