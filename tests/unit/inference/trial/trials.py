"""A trial of version 2 against version 1 of the toy model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, ToyModel, event
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.serving import Predictor, Serving


def trial_event(epoch: int, share: float, champion: int = 1, challenger: int = 2) -> ModelVersion:
    """An event with both arms."""
    reference = event(epoch, challenger).champion
    return replace(event(epoch, champion), mode="canary", challenger=reference, challenger_share=share)


class Failing(ToyModel):
    """Has no number above a distance, and breaks altogether above another."""

    def __init__(self, version: int, nothing_above: float = 1e9, breaks_above: float = 1e9) -> None:
        super().__init__(version)
        self._nothing_above, self._breaks_above = nothing_above, breaks_above

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        distances = inputs[FEATURE].ravel()
        if (distances > self._breaks_above).any():
            raise RuntimeError("the graph broke")
        return np.where(distances > self._nothing_above, np.nan, super().score(inputs))


def trial(share: float, challenger: ToyModel | None = None, epoch: int = 7) -> Serving:
    """What serves during a trial."""
    return Serving(trial_event(epoch, share), ToyModel(1), NOW_MS, challenger or ToyModel(2))


def trial_predictor(share: float, challenger: ToyModel | None = None) -> Predictor:
    predictor = Predictor(MODEL)
    predictor.switch(trial(share, challenger), NOW_MS, live=True)
    return predictor


def distances(*values: float) -> pa.RecordBatch:
    return pa.record_batch({FEATURE: pa.array(values, pa.float64())})
