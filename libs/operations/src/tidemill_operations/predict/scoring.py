"""Rows of a model's record to typed outputs: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tidemill.artifact.outputs import LABEL, SCORES, output_columns
from tidemill.rows.features import feature_inputs

if TYPE_CHECKING:
    from tidemill_operations.predict.version import Version


def score(rows: pa.RecordBatch, version: Version) -> dict[str, pa.Array]:
    """The output columns of n rows: `probability` and `label`, or `label` and `p_<class>` for each class, or `value`.

    A row for which the model gives no number is null. Raises ArtifactError where the graph fails.
    """
    task, classes = version.manifest.task, version.manifest.classes
    scores = version.model.score(feature_inputs(rows, version.manifest.features))
    missing = np.logical_not(np.isfinite(scores.reshape(len(scores), -1)).all(axis=1))
    columns = output_columns(task, scores, classes, missing, version.manifest.decides_at)
    if task != "multiclass":
        return columns
    shares = {
        f"p_{name}": pa.array(share, pa.float64(), mask=~np.isfinite(share))
        for name, share in zip(classes, scores.T, strict=True)
    }
    return {LABEL: columns[LABEL], **shares}


def record_outputs(columns: dict[str, pa.Array], classes: tuple[str, ...]) -> dict[str, Any]:
    """The same, of rows that all have an answer, as columns of the prediction record: the probabilities as one map."""
    if any(name in columns for name in (SCORES["binary"], SCORES["regression"])):
        return dict(columns)
    scores = np.column_stack([np.asarray(columns[f"p_{name}"], dtype=np.float64) for name in classes])
    return output_columns("multiclass", scores, classes)
