"""Scores two versions on the same rows, by their artifacts, as serving would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.artifact import ArtifactStore, OnnxModel
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.kafka.batch import Batch
from tidemill.rows.features import feature_inputs
from tidemill_flights.proof.accounting import roc_auc
from tidemill_flights.proof.readback import KnownLabels, Positions


@dataclass(frozen=True, slots=True)
class Comparison:
    """ROC AUC of two versions on the same `rows` labelled rows; None where there is only one class."""

    rows: int
    before: float | None
    after: float | None
    versions: tuple[int, int]


def load_scorer(store: ArtifactStore, model: str, reference: Mapping[str, Any]) -> OnnxModel:
    """The model of a ModelRef, its digest verified. Raises ArtifactError."""
    artifact = store.fetch(model, reference["artifact_uri"], reference["manifest_digest"])
    return OnnxModel.load(artifact.files["model.onnx"], artifact.manifest)


def compare(
    clean: Iterator[Batch], wanted: Positions, labels: KnownLabels, codec: Codec, record: Schema, id_field: str,
    before: OnnxModel, after: OnnxModel,
) -> Comparison:  # fmt: skip
    """Scores both models on the clean rows at `wanted` positions that have a label."""
    ids: list[pa.Array] = []
    scores: list[tuple[np.ndarray, np.ndarray]] = []
    lookup = {number: np.sort(offsets) for number, offsets in wanted.items()}
    for batch in clean:
        decoded = codec.decode(batch.values, record)
        inside = _inside(batch, lookup)[decoded.index]
        rows = decoded.rows.filter(pa.array(inside))
        if len(rows):
            ids.append(rows.column(id_field))
            scores.append((_score(before, rows), _score(after, rows)))
    versions = before.manifest.version, after.manifest.version
    return _compared(pa.chunked_array(ids, pa.string()), scores, labels, versions)


def _inside(batch: Batch, lookup: Positions) -> np.ndarray:
    partitions, offsets = np.array(batch.partitions), np.array(batch.offsets)
    inside = np.zeros(len(offsets), dtype=bool)
    for number, wanted in lookup.items():
        here = partitions == number
        inside[here] = np.isin(offsets[here], wanted)
    return inside


def _score(model: OnnxModel, rows: pa.RecordBatch) -> np.ndarray:
    return np.asarray(model.score(feature_inputs(rows, model.manifest.features)))


def _compared(
    ids: pa.ChunkedArray,
    scores: list[tuple[np.ndarray, np.ndarray]],
    labels: KnownLabels,
    versions: tuple[int, int],
) -> Comparison:
    if not scores or not len(labels.values):
        return Comparison(0, None, None, versions)
    found = pc.index_in(ids, value_set=labels.ids.combine_chunks()).combine_chunks()
    known = found.is_valid().to_numpy(zero_copy_only=False)
    truth = labels.values[found.drop_null().to_numpy().astype(np.int64)].astype(bool)
    before, after = (np.concatenate([pair[side] for pair in scores])[known] for side in (0, 1))
    return Comparison(len(truth), roc_auc(truth, before), roc_auc(truth, after), versions)
