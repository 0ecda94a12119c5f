"""Golden rows: inputs with the scores that training computed for them, checked before a model serves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.manifest import Manifest

RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-4
"""Where golden rows state no tolerance of their own: a graph that computes in float32 and a learner in float64 differ
in the fifth digit after hundreds of trees.
"""


class Scorer(Protocol):
    """Anything that scores like OnnxModel."""

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]: ...


@dataclass(frozen=True, slots=True)
class Golden:
    """`inputs` as `tidemill.rows.features.feature_inputs` makes them; `scores` as `OnnxModel.score` gives them.

    `tolerance`: by how much a score may differ, in its own units; None: by 1e-3 of its size and 1e-4, which says little
    of values that are large beside their spread.
    """

    inputs: Mapping[str, np.ndarray[Any, Any]]
    scores: np.ndarray[Any, Any]
    tolerance: float | None = None

    def to_bytes(self) -> bytes:
        """JSON; a NaN among the inputs is null. Raises ValueError where a score is not finite."""
        inputs = {name: [_plain(value) for value in values.ravel()] for name, values in self.inputs.items()}
        document = {"inputs": inputs, "scores": self.scores.tolist()}
        if self.tolerance is not None:
            document["tolerance"] = self.tolerance
        return json.dumps(document, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes, manifest: Manifest) -> Golden:
        """Read golden rows for the inputs of `manifest`. Raises ArtifactError where they do not fit it."""
        try:
            document = json.loads(data)
            inputs = {name: _array(document["inputs"][name], kind) for name, kind in manifest.inputs.items()}
            scores = np.array(document["scores"], dtype=np.float64)
            tolerance = None if document.get("tolerance") is None else float(document["tolerance"])
        except (ValueError, TypeError, KeyError) as error:
            raise ArtifactError(f"golden rows cannot be read: {error!r}", Reason.GOLDEN) from error
        if not len(scores) or any(len(values) != len(scores) for values in inputs.values()):
            raise ArtifactError("golden rows are empty or of unequal length", Reason.GOLDEN)
        return cls(inputs, scores, tolerance)


def check_golden(model: Scorer, golden: Golden) -> None:
    """Raise ArtifactError unless `model` repeats the golden scores within the tolerance; a NaN never does."""
    scores = model.score(golden.inputs)
    if scores.shape != golden.scores.shape:
        raise ArtifactError(f"golden rows: scores of shape {scores.shape}, not {golden.scores.shape}", Reason.GOLDEN)
    relative, absolute = (RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE)
    if golden.tolerance is not None:
        relative, absolute = 0.0, golden.tolerance
    close = np.isclose(scores, golden.scores, rtol=relative, atol=absolute, equal_nan=False)
    if not close.all():
        worst = float(np.abs(scores - golden.scores)[~close].max())
        raise ArtifactError(
            f"golden rows: {int((~close).sum())} of {close.size} scores differ, by up to {worst:g}", Reason.GOLDEN
        )


def _plain(value: Any) -> str | float | None:
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)


def _array(values: list[Any], kind: str) -> np.ndarray[Any, Any]:
    if kind == "category":
        return np.array([str(value) for value in values], dtype=object).reshape(-1, 1)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64).reshape(-1, 1)
