"""What serves: an immutable pair of a published version and its loaded model, held by one reference."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from tidemill.artifact import Manifest
from tidemill.contracts.events import ModelVersion
from tidemill.features import feature_inputs

KEPT_SWAPS = 100

Scores = np.ndarray[Any, np.dtype[np.float64]]


class Scorer(Protocol):
    """What a predictor needs of a model: `tidemill.artifact.OnnxModel` has it."""

    @property
    def manifest(self) -> Manifest: ...

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Scores: ...


@dataclass(frozen=True, slots=True)
class Serving:
    """One version that serves. `published_ms`: when its event was appended to model-versions (ms since the
    epoch).
    """

    event: ModelVersion
    model: Scorer
    published_ms: int

    @property
    def epoch(self) -> int:
        return self.event.epoch

    @property
    def version(self) -> int:
        return self.event.champion.version

    def predict(self, rows: pa.RecordBatch) -> Predictions:
        """Score rows of the model's record. Raises ArtifactError where the graph fails."""
        inputs = feature_inputs(rows, self.model.manifest.features)
        return Predictions(self, self.model.score(inputs))


@dataclass(frozen=True, slots=True)
class Swap:
    """One switch. `ms`: from the event to serving; None where the event is older than the process (a
    start).
    """

    from_version: int | None
    to_version: int
    epoch: int
    at_ms: int
    ms: int | None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scores of n rows (shapes: see OnnxModel.score) with the version that made them."""

    serving: Serving
    scores: Scores


class Predictor:
    """What serves now for one model.

    A switch is one assignment: whoever takes `current()` once has the old version or the new one completely.
    The old one lives on while somebody still uses it, and is released with the last of them. Any thread may
    read; one switches.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._serving: Serving | None = None
        self._swaps: deque[Swap] = deque(maxlen=KEPT_SWAPS)

    @property
    def serving(self) -> Serving | None:
        """What serves now; None before the first version."""
        return self._serving

    @property
    def swaps(self) -> tuple[Swap, ...]:
        """The latest switches since the process began, oldest first."""
        return tuple(self._swaps)

    def switch(self, serving: Serving, now_ms: int, *, live: bool) -> Swap:
        """Serve `serving` from now on. `live`: its event came while this process ran.

        Raises ValueError for an epoch that is not above the current one.
        """
        before = self._serving
        if before is not None and serving.epoch <= before.epoch:
            raise ValueError(f"{self.model}: epoch {serving.epoch} is not above {before.epoch}")
        swap = Swap(
            from_version=before.version if before else None,
            to_version=serving.version,
            epoch=serving.epoch,
            at_ms=now_ms,
            ms=max(0, now_ms - serving.published_ms) if live else None,
        )
        self._swaps.append(swap)
        self._serving = serving
        return swap

    def current(self) -> Serving:
        """What serves now. Raises NoVersion before the first version."""
        serving = self._serving
        if serving is None:
            raise NoVersion(self.model)
        return serving


class NoVersion(LookupError):
    """The model has no version that serves yet."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no version of {model} serves yet")
        self.model = model
