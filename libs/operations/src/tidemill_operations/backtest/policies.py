"""Which policies are compared: the model file's own, others that change some of its words, and rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tidemill.contracts.model_file import ModelFileError, ModelSpec
from tidemill.contracts.model_file.sections import read_retrain, read_training
from tidemill.contracts.model_file.spec import Training
from tidemill.contracts.model_file.yaml.document import compose
from tidemill.contracts.model_file.yaml.nodes import Value
from tidemill.errors import ConfigError
from tidemill_learning.backtest.fitting import Clock, Fits
from tidemill_learning.backtest.forest import AdaptiveForest
from tidemill_learning.backtest.moa import MoaEnsemble
from tidemill_learning.backtest.playing import Policy
from tidemill_learning.backtest.product import product_fit
from tidemill_learning.backtest.schedule import never, schedules
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import budget_of

OURS = "Tidemill"
NEVER, SCHEDULES, FOREST, CAPYMOA = "never", "schedules", "forest", "capymoa"
RIVALS = (NEVER, SCHEDULES, FOREST, CAPYMOA)
SECTIONS = ("training", "retrain")
"""Of the model file, whose words a policy file may change."""


@dataclass(frozen=True, slots=True)
class Override:
    """A policy file: the model file with some words of `training` and `retrain` changed. `name`: for people."""

    name: str
    spec: ModelSpec
    file: Path | None = None


def read_override(path: Path, spec: ModelSpec) -> Override:
    """Reads a policy file: `name`, `training` and `retrain`, each as in a model file; what it does not say is the model
    file's. Raises ModelFileError with the place of every mistake, ConfigError where it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the policy file {path}: {error}") from error
    root = compose(path, text)
    found = root.section(("name", *SECTIONS))
    name = found.read("name", Value.text, path.stem, path.stem)
    training = found.read("training", lambda v: read_training(v, spec.target), spec.training, spec.training)
    retrain = found.read("retrain", read_retrain, spec.retrain, spec.retrain)
    if root.mistakes.found:
        raise ModelFileError.of(root.mistakes.found)
    said = {name: set(child.entries()) for name, child in found.entries.items() if child.is_mapping}
    changed = replace(
        spec,
        training=replace(spec.training, **{key: getattr(training, key) for key in said.get("training", ())}),
        retrain=replace(spec.retrain, **{key: getattr(retrain, key) for key in _fields(said.get("retrain", set()))}),
    )
    return Override(name, changed, path)


def _fields(keys: set[str]) -> set[str]:
    """What the keys of `retrain` are read into: `at_most` is a rate of runs or a budget of fits."""
    return keys | ({"fits"} if "at_most" in keys else set())


@dataclass(frozen=True, slots=True)
class Compared:
    """`policies`: shown each; `grid`: fixed schedules, of which the best is shown."""

    policies: tuple[Policy, ...]
    grid: tuple[Policy, ...]


def compared(
    spec: ModelSpec, rows: int, overrides: Sequence[Override], clock: Clock, without: Sequence[str] = ()
) -> Compared:
    """The policies to compare over so many labelled rows: Tidemill's, each override's, and the rivals but `without`.

    Raises ConfigError where two have one name.
    """
    fits = Fits(product_fit(spec), clock)
    policies: list[Policy] = [ours(OURS, spec, fits)]
    policies += [ours(one.name, one.spec, Fits(product_fit(one.spec), clock)) for one in overrides]
    first_after = spec.training.first_after
    if NEVER not in without:
        policies.append(never(first_after, fits))
    if FOREST not in without and AdaptiveForest.is_there():
        policies.append(AdaptiveForest(clock, spec.training.seed))
    if CAPYMOA not in without:
        policies += [MoaEnsemble(name, clock, spec.training.seed) for name in MoaEnsemble.of(spec.target.task)]
    grid = [] if SCHEDULES in without else schedules(first_after, fits, *grid_of(rows, spec.training))
    names = [policy.name for policy in policies]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ConfigError(f"two policies are called {twice[0]!r}: give one another `name`")
    return Compared(tuple(policies), tuple(grid))


def ours(name: str, spec: ModelSpec, fits: Fits) -> Tidemill:
    """Tidemill's policy under a model file."""
    return Tidemill(name, spec.training.first_after, budget_of(spec), fits, on_quality="quality" in spec.retrain.on)


def grid_of(rows: int, training: Training) -> tuple[list[int], list[int | None]]:
    """Every how many labels, and on how many of the newest rows (None: all), a fixed schedule is tried; on more than
    `training.newest` none is.
    """
    every = dict.fromkeys(_round(rows // part) for part in (16, 6))
    most = min(rows, training.newest)
    newest = [size for size in (training.first_after, 4 * training.first_after) if size < most]
    return list(every), [*newest, None if most == rows else most]


def _round(number: int) -> int:
    """The next 1, 2 or 5 with noughts below, at least 100."""
    size = max(100, int(10.0 ** (len(str(number)) - 1)))
    return max(step * size for step in (1, 2, 5) if step * size <= max(number, 100))
