"""The product's own training as the engine's `fit`: search, fit, export to ONNX, and the proof that both are one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidemill.contracts.model_file import ModelSpec
from tidemill.rows.features import FeatureLike
from tidemill_learning.backtest.fitting import Fit, Made, Order
from tidemill_learning.backtest.mixture import MixtureScorer
from tidemill_learning.decisions import ONE_HALF
from tidemill_learning.training.onnx.parity import open_graph
from tidemill_learning.training.train import Trained, train


class GraphScorer:
    """A trained challenger's graph, as the gate sees a champion."""

    def __init__(self, spec: ModelSpec, trained: Trained) -> None:
        self.classes = trained.classes
        self.features: tuple[FeatureLike, ...] = spec.features
        self.fitted_until_ms: int = trained.reference["event_time"][1]
        self.threshold = ONE_HALF if trained.threshold is None else trained.threshold
        self._run = open_graph(trained.graph, spec.target.task)

    def score(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Scores of n rows."""
        return self._run(inputs)


def product_fit(spec: ModelSpec) -> Fit:
    """`train` as the trainer calls it, with a clock that stands still: what is tried hangs on the model file alone and
    never on how fast a machine is. `training.budget` bounds nothing here, so a fit may take longer than it would live.
    """

    def fit(order: Order) -> Made:
        own = spec
        if order.newest is not None:
            own = replace(spec, training=replace(spec.training, newest=order.newest))
        rows = order.stream.rows.take(pa.array(order.stream.known_rows(order.labels)))
        champion = order.champion if isinstance(order.champion, GraphScorer | MixtureScorer) else None
        trained = train(own, rows, order.cut_off_ms, _still, champion, order.change, sequential=True)
        refused = "" if trained.gate.passed else trained.reason
        return Made(
            GraphScorer(spec, trained), trained.contest, trained.spread, trained.reason, refused,
            fitted=trained.rows["fitted"], window=trained.window, outcome=trained.outcome,
        )  # fmt: skip

    return fit


def _still() -> float:
    return 0.0
