"""The serving model as the gate's rival: fetched and verified like in serving, scored by the same code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tidemill.artifact import MODEL_FILE, REFERENCE_FILE, ArtifactStore, FeatureColumn, OnnxModel
from tidemill.contracts.events.platform import ModelRef


class ServingChampion:
    """A published version under the protocol `tidemill_learning.training.train.ChampionModel`."""

    def __init__(self, model: OnnxModel, fitted_until_ms: int) -> None:
        self._model = model
        self.fitted_until_ms = fitted_until_ms

    @classmethod
    def fetch(cls, store: ArtifactStore, model_name: str, reference: ModelRef) -> ServingChampion:
        """Raises `ArtifactError` for an artifact that is not what its event says, `OSError` when the
        store is away.
        """
        files = (MODEL_FILE, REFERENCE_FILE)
        artifact = store.fetch(model_name, reference.artifact_uri, reference.manifest_digest, only=files)
        model = OnnxModel.load(artifact.files[MODEL_FILE], artifact.manifest)
        last: int = json.loads(artifact.files[REFERENCE_FILE])["event_time"][1]
        return cls(model, last)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._model.manifest.classes

    @property
    def features(self) -> tuple[FeatureColumn, ...]:
        return self._model.manifest.features

    @property
    def members(self) -> tuple[tuple[int, float], ...]:
        """Version and weight of each member of a mixture; nothing of a version of one learner."""
        return self._model.manifest.shares

    @property
    def threshold(self) -> float:
        return self._model.manifest.decides_at

    def score(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return self._model.score(inputs)
