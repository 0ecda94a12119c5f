"""What a predictor needs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from tidemill.artifact import Manifest

Scores = np.ndarray[Any, np.dtype[np.float64]]


class Scorer(Protocol):
    """A model that scores: `tidemill.artifact.OnnxModel` and `ShelvedModel` have it."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def gains_by_batches(self) -> bool:
        """Whether rows of several requests are better scored in one call."""
        ...

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Scores:
        """Scores of n rows; shapes and errors: see OnnxModel."""
        ...
