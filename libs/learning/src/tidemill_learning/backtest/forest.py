"""A rival that learns from every label: river's adaptive random forest."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill_learning.backtest.fitting import Clock
from tidemill_learning.backtest.incremental import as_shares, play_incrementally
from tidemill_learning.backtest.playing import Advance, Floats, Played
from tidemill_learning.backtest.stream import Stream

TREES = 10


@dataclass(slots=True)
class AdaptiveForest:
    """Adaptive random forest (Gomes et al.: Adaptive random forests for evolving data stream classification, Machine
    Learning 106, 2017; of regression: ESANN 2018) as river has it, with its defaults and ten trees. It takes in each
    label when it becomes known. Categories are nominal; what is missing is left out. Where costs of decisions are
    stated, it says true from the probability on that they give.
    """

    clock: Clock
    seed: int = 0
    name: str = "river ARF"

    @staticmethod
    def is_there() -> bool:
        """Whether river is installed."""
        return importlib.util.find_spec("river") is not None

    def play(self, stream: Stream, advance: Advance) -> Played:
        """Play the stream."""
        began = self.clock()
        learner = _Forest(stream, _forest(stream.task, self.seed))
        return play_incrementally(stream, learner, self.clock, began, advance)


class _Forest:
    def __init__(self, stream: Stream, model: Any) -> None:
        self._stream, self._model = stream, model
        self._rows, self._target = _rows(stream), _targets(stream)

    def learn(self, row: int) -> None:
        self._model.learn_one(self._rows[row], self._target[row])

    def answer(self, row: int) -> float | Floats:
        if self._stream.task == "regression":
            return float(self._model.predict_one(self._rows[row]))
        shares = self._model.predict_proba_one(self._rows[row])
        return as_shares(np.array([shares.get(k, 0.0) for k in range(len(self._stream.classes))]), self._stream)


def _forest(task: str, seed: int) -> Any:
    stub = sys.modules.get("river.drift")
    if stub is not None and not hasattr(stub, "ADWIN"):  # entered by `new_adwin`, which wants one module of it alone
        del sys.modules["river.drift"]
    from river import forest

    kind = forest.ARFRegressor if task == "regression" else forest.ARFClassifier
    return kind(n_models=TREES, seed=seed)


def _rows(stream: Stream) -> list[dict[str, Any]]:
    names = list(stream.inputs)
    columns = [stream.inputs[name][:, 0].tolist() for name in names]
    return [
        {name: value for name, value in zip(names, values, strict=True) if value == value and value != ""}
        for values in zip(*columns, strict=True)
    ]


def _targets(stream: Stream) -> list[Any]:
    values: list[Any] = stream.target.astype(np.float64).tolist() if stream.task == "regression" else []
    return values or stream.codes().tolist()
