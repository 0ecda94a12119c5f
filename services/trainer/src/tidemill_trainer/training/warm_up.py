"""A tiny training of every task, so that the first real one pays for no import and no lazy set-up."""

from __future__ import annotations

import numpy as np

from tidemill_learning.training.examples import Examples, InputSpec, Task
from tidemill_learning.training.learners import SETTINGS, fit
from tidemill_learning.training.onnx.export import to_onnx
from tidemill_learning.training.onnx.parity import prove_parity

ROWS = 200


def warm_up() -> None:
    """Fit, convert and score every kind of learner once on made-up numbers."""
    specs = (InputSpec("c", "category"), InputSpec("x", "number"))
    small = {"n_estimators": 2, "max_iter": 2}
    for task in ("binary", "multiclass"):
        rows = _made_up(task)
        for name, settings in SETTINGS.items():
            params = {key: small.get(key, value) for key, value in settings[0].items()}
            fitted = fit(name, params, task, specs, rows, rows, seed=0)
            prove_parity(fitted, to_onnx(fitted), rows.inputs, specs)


def _made_up(task: Task) -> Examples:
    position = np.arange(ROWS, dtype=np.int64)
    names = np.array(["a", "b", "c"], dtype=object)[position % 3].reshape(-1, 1)
    target = position % 2 if task == "binary" else np.array(["p", "q", "r"], dtype=object)[(position // 2) % 3]
    number = (position % 7).astype(np.float64).reshape(-1, 1)
    return Examples({"c": names, "x": number}, target, position, position, position)
