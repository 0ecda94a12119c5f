"""Real versions to be mixed: learned from made-up rows, by every learner and for every task."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.unit.learning.examples import FEATURES, labelled
from tidemill.artifact import Manifest, feature_columns
from tidemill_learning.mixture.member import Member
from tidemill_learning.training.examples import Examples, Task
from tidemill_learning.training.labelled import input_specs, to_examples
from tidemill_learning.training.learners import SETTINGS, fit
from tidemill_learning.training.onnx.export import score_name, to_onnx

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
LEARNERS = tuple(SETTINGS)
SMALL = {"n_estimators": 5, "max_iter": 20}
ROWS = 1_500
LEARNED = 900


@cache
def rows(task: Task) -> Examples:
    return to_examples(labelled(task, ROWS), FEATURES, task)


@cache
def learned(task: Task, learner: str, without: str = "") -> tuple[bytes, tuple[str, ...]]:
    """Graph and classes of a learner of the first rows; of a class `without` none."""
    known = rows(task).take(np.arange(LEARNED))
    if without:
        known = known.take(np.flatnonzero(known.target != without))
    params = {name: SMALL.get(name, value) for name, value in SETTINGS[learner][0].items()}
    made = fit(learner, params, task, input_specs(FEATURES), known, None, seed=1)
    return to_onnx(made), made.classes


def member(task: Task, learner: str, weight: float, version: int, without: str = "") -> Member:
    graph, classes = learned(task, learner, without)
    manifest = Manifest(
        model="toy", version=version, task=task, output=score_name(task, ()), features=feature_columns(FEATURES),
        classes=classes, positive_class="true" if task == "binary" else None, metrics={"roc_auc": 0.1 * version},
    )  # fmt: skip
    times = rows(task).event_time
    return Member(weight, graph, manifest, {"event_time": [int(times[0]), int(times[LEARNED - 1])]}, 1e-3)
