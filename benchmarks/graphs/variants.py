"""Versions of the benchmark's boosted trees whose answers can be told from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pyarrow as pa
from onnx import numpy_helper

from benchmarks.graphs.boosted import boosted, manifest_of
from tidemill.artifact import OnnxModel
from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import feature_inputs

SPAN = 1.6
"""Of the log-odds, from the first version to the last."""
APART = 1e-4
TOLERANCE = 1e-5
"""Of a probability: sums of float32 differ in the seventh digit with the shape of a batch."""


class Variants:
    """`count` versions, numbered from 1: the same trees, with another base."""

    def __init__(self, spec: ModelSpec, count: int) -> None:
        graph, self.rows = boosted(spec)
        self.graphs = [_shifted(graph, SPAN * k / max(1, count - 1) - SPAN / 2) for k in range(count)]
        self._spec = spec
        self._models = [OnnxModel.load(data, manifest_of(spec)) for data in self.graphs]

    def answers(self, rows: pa.RecordBatch) -> np.ndarray:
        """[count, n]: what each version answers to each row. Raises ValueError where two answers to one row are too
        near to be told apart.
        """
        inputs = feature_inputs(rows, self._spec.features)
        found = np.array([model.score(inputs) for model in self._models])
        if len(found) > 1 and np.diff(found, axis=0).min() < APART:
            raise ValueError("two versions answer the same")
        return found

    def agree(self, rows: pa.RecordBatch, versions: Sequence[int], scores: np.ndarray) -> np.ndarray:
        """[n] bool: whether each score is the answer of the version named beside it."""
        numbers = np.asarray(versions)
        good = np.zeros(len(scores), dtype=bool)
        for version in np.unique(numbers).tolist():
            if not 1 <= version <= len(self._models):
                continue
            at = np.flatnonzero(numbers == version)
            inputs = feature_inputs(rows.take(pa.array(at)), self._spec.features)
            good[at] = np.abs(self._models[version - 1].score(inputs) - scores[at]) <= TOLERANCE
        return good


def _shifted(graph: bytes, by: float) -> bytes:
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "base_values_as_tensor":
                base = numpy_helper.to_array(attribute.t) + by
                attribute.t.CopyFrom(numpy_helper.from_array(base, attribute.t.name))
                return bytes(model.SerializeToString())
    raise ValueError("the graph has no base to shift")
