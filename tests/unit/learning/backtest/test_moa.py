"""CapyMOA's ensembles as rivals. The package brings PyTorch and a virtual machine, so a stand-in has its place here."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.unit.learning.backtest.one_feature import stream
from tests.unit.learning.backtest.test_other_tasks import silent
from tidemill_learning.backtest import moa
from tidemill_learning.backtest.moa import ARF, SGBT, SRP, MoaEnsemble


class Majority:
    """Says what was most frequent so far; keeps what it was shown."""

    shown: list[Any]

    def __init__(self, schema: Any, **settings: Any) -> None:
        self.schema, self.settings, self.counts = schema, settings, np.zeros(2)
        Majority.shown = []

    def train(self, instance: Any) -> None:
        self.counts[instance[2]] += 1
        Majority.shown.append(instance)

    def predict_proba(self, instance: Any) -> Any:
        return self.counts / self.counts.sum()


class Made:
    """An instance that is what it was made of."""

    @staticmethod
    def from_array(schema: Any, row: Any, target: Any = None) -> Any:
        return schema, row, target


class Schema:
    @staticmethod
    def from_custom(**given: Any) -> dict[str, Any]:
        return given


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of CapyMOA's shape."""
    names = ("AdaptiveRandomForestClassifier", "StreamingRandomPatches", "StreamingGradientBoostedTrees")
    content: dict[str, dict[str, Any]] = {
        "capymoa.core": {"Instance": Made, "LabeledInstance": Made, "RegressionInstance": Made},
        "capymoa.stream": {"Schema": Schema},
        "capymoa.classifier": dict.fromkeys(names, Majority),
        "capymoa.regressor": {},
    }
    package = ModuleType("capymoa")
    monkeypatch.setitem(sys.modules, "capymoa", package)
    for name, members in content.items():
        module = ModuleType(name)
        vars(module).update(members)
        setattr(package, name.rpartition(".")[2], module)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("name", [ARF, SRP, SGBT])
def test_a_stand_in_for_capymoa_is_shown_each_label_when_it_is_known(stand_in: None, name: str) -> None:
    events = stream(300, (150,))
    played = MoaEnsemble(name, float, seed=3).play(events, silent)
    assert not played.answered[:50].any() and played.answered[51:].all()
    known = int(events.known.max())
    assert [instance[2] for instance in Majority.shown] == events.target[events.order[:known]].astype(int).tolist()
    schema = Majority.shown[0][0]
    assert schema["categories"][schema["target"]] == ["c0", "c1"]
    assert len(schema["features"]) == len(events.inputs) + 1


def test_without_the_package_there_is_none_of_its_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moa.importlib.util, "find_spec", lambda name: None)
    assert MoaEnsemble.of("binary") == ()


@pytest.mark.parametrize(
    ("version", "task", "expected"),
    [("0.15.1", "binary", (ARF, SRP, SGBT)), ("1.0", "regression", (ARF,)), ("0.9.1", "binary", ())],
)
def test_which_there_are_hangs_on_the_version_and_the_task(
    monkeypatch: pytest.MonkeyPatch, version: str, task: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(moa.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(moa.importlib.metadata, "version", lambda name: version)
    monkeypatch.setenv("JAVA_HOME", "/somewhere")
    assert MoaEnsemble.of(task) == expected
