"""A rival that learns from every label: river's adaptive random forest."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill_learning.backtest.fitting import Clock
from tidemill_learning.backtest.playing import Advance, Floats, Played
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.decisions import ONE_HALF

TREES = 10
TOLD_EVERY = 500


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
        model = _forest(stream.task, self.seed)
        rows, target = _rows(stream), _targets(stream)
        many = stream.task == "multiclass"
        scores = np.full((len(stream), len(stream.classes)) if many else len(stream), np.nan)
        learned = 0
        for done, row in enumerate(np.argsort(stream.known, kind="stable").tolist()):
            while learned < stream.known[row]:
                label = int(stream.order[learned])
                model.learn_one(rows[label], target[label])
                learned += 1
            if learned:
                scores[row] = _answer(model, rows[row], stream)
            if done % TOLD_EVERY == 0:
                advance(done, len(stream))
        advance(len(stream), len(stream))
        decided_at = ONE_HALF if stream.cost is None else stream.cost.bayes_threshold
        return Played(scores, own_seconds=self.clock() - began, decided_at=decided_at)


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


def _answer(model: Any, row: dict[str, Any], stream: Stream) -> float | Floats:
    if stream.task == "regression":
        return float(model.predict_one(row))
    shares = model.predict_proba_one(row)
    found = np.array([shares.get(k, 0.0) for k in range(len(stream.classes))])
    found = found / found.sum() if found.sum() > 0 else np.full(len(found), 1.0 / len(found))
    return found if stream.task == "multiclass" else float(found[1])
