"""What serves: an immutable pair of a published version and its loaded model, held by one reference."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.artifact import FeatureColumn
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import RetryLater
from tidemill.rows.features import feature_inputs
from tidemill_inference.model_cache.lazy_model import NotLoaded, ShelvedModel
from tidemill_inference.serving.scorer import Scorer, Scores
from tidemill_inference.trial.arms import BothArms, aligned

KEPT_SWAPS = 100


@dataclass(frozen=True, slots=True)
class Serving:
    """One epoch that serves. `published_ms`: when its event was appended to model-versions (ms since the epoch of
    Unix). `challenger`: the model of the event's challenger, if it has one.
    """

    event: ModelVersion
    model: Scorer
    published_ms: int
    challenger: Scorer | None = None

    @property
    def epoch(self) -> int:
        return self.event.epoch

    @property
    def version(self) -> int:
        """The champion's version."""
        return self.event.champion.version

    @property
    def models(self) -> tuple[Scorer, ...]:
        """The champion's model, and the challenger's during a trial."""
        return (self.model,) if self.challenger is None else (self.model, self.challenger)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all scores: the champion's, then what the challenger alone knows."""
        if self.challenger is None:
            return self.model.manifest.classes
        return tuple(dict.fromkeys(name for model in self.models for name in model.manifest.classes))

    @property
    def features(self) -> tuple[FeatureColumn, ...]:
        """The columns of the record that any of its models needs; a name stands once."""
        if self.challenger is None:
            return self.model.manifest.features
        named = {feature.name: feature for model in self.models for feature in model.manifest.features}
        return tuple(named.values())

    @property
    def loaded(self) -> bool:
        """Whether its models are in memory."""
        return all(model.loaded for model in self.models if isinstance(model, ShelvedModel))

    def hold(self) -> tuple[Scorer, ...] | None:
        """Its loaded models, which stay in memory while the caller keeps them; None where one must be loaded first.
        Never waits.
        """
        held = [model.hold() if isinstance(model, ShelvedModel) else model for model in self.models]
        return None if None in held else tuple(held)  # type: ignore[arg-type]

    def load(self) -> tuple[Scorer, ...]:
        """The same, after the loads that it takes. Raises NotLoaded for the champion; a challenger that cannot be
        loaded is left out.
        """
        held = [self.model.load() if isinstance(self.model, ShelvedModel) else self.model]
        if isinstance(self.challenger, ShelvedModel):
            with suppress(NotLoaded):  # told by who loads; the champion answers for it
                held.append(self.challenger.load())
        return tuple(held)

    def predict(self, rows: pa.RecordBatch, keys: Sequence[bytes] | None = None) -> Predictions:
        """Score rows of the model's record. Raises ArtifactError where the champion's graph fails.

        `keys`: the rows' record keys, by which a trial is routed; without them the champion answers all.
        """
        if keys is not None and self.challenger is not None:
            both = BothArms(self, rows, keys)
            return Predictions(self, both.answer(), both)
        return self.predict_inputs(feature_inputs(rows, self.model.manifest.features))

    def predict_inputs(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Predictions:
        """The champion's answer to inputs of its graph. Raises ArtifactError where the graph fails."""
        scores = self.model.score(inputs)
        return Predictions(self, aligned(scores, self.model.manifest.classes, self.classes))


@dataclass(frozen=True, slots=True)
class Swap:
    """One switch. `ms`: from the event to serving; None where the event is older than the process (a start)."""

    from_version: int | None
    to_version: int
    epoch: int
    at_ms: int
    ms: int | None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scores of n rows (shapes: see OnnxModel.score) with the epoch that made them. `both`: during a trial, the two
    arms; scores are those of the arm that answers each row, over the classes of both.
    """

    serving: Serving
    scores: Scores
    both: BothArms | None = None

    @property
    def versions(self) -> list[int]:
        """The version that answers each row."""
        return self.both.versions if self.both is not None else [self.serving.version] * len(self.scores)

    @property
    def threshold(self) -> float | Scores:
        """From which probability on each row of a binary task is true, by the version that answers it: one for all,
        or [n].
        """
        if self.both is None:
            return self.serving.model.manifest.decides_at
        return self.both.thresholds(self.both.challenged)

    @property
    def other_threshold(self) -> float | Scores:
        """The same, by the version that does not answer it."""
        return self.threshold if self.both is None else self.both.thresholds(~self.both.challenged)

    @property
    def version_name(self) -> str:
        """The version that answered, for a header; `1,2` where both arms of a trial did."""
        if self.both is None:
            return str(self.serving.version)
        return ",".join(str(version) for version in sorted(set(self.versions)))


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

    def withdraw(self) -> None:
        """Serve nothing again: what serves has not been loaded yet and turned out to be unfit, so it has answered
        nothing.
        """
        self._serving = None
        self._swaps.pop()

    def current(self) -> Serving:
        """What serves now. Raises NoVersion before the first version."""
        serving = self._serving
        if serving is None:
            raise NoVersion(self.model)
        return serving


class NoVersion(RetryLater):
    """The model has no version that serves yet."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no version of {model} serves yet")
        self.model = model
