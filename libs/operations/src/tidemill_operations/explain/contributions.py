"""What each input of a graph adds to the raw score of one row: exact, and proved to add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from tidemill.artifact.manifest import Manifest
from tidemill_operations.errors import NotPossible
from tidemill_operations.explain.learner import Inputs, Learner, NotTold, frame_of, open_learner
from tidemill_operations.explain.tree_shap import Shares

__all__ = ["ADDITIVE", "AS_THE_GRAPH", "Contributions", "Inputs", "NotTold", "Part", "contributions"]

ADDITIVE = 1e-6
"""Relative to the raw score where that is above 1: base and contributions add up to it this closely."""

AS_THE_GRAPH = 2e-5
"""How far the graph's own raw score may lie from the exact one, by the same measure: it adds up leaves in float32."""


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a mixture, its weight, and its own score of the row."""

    version: int
    weight: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """`base` and all of `by_input` add up to `raw`. `method`: how they were computed. `towards`: the class that they
    are about, empty for a regression. `unit`: of the raw score: log-odds, probability, or the target's own. `counts`:
    which rows say how likely a way down a tree is, empty for a linear model. `parts`: the members of a mixture, of
    which `raw` is the score itself.
    """

    method: Literal["TreeSHAP, path-dependent", "linear", "weighted sum of its members'"]
    towards: str
    unit: str
    base: float
    by_input: dict[str, float]
    raw: float
    counts: str = ""
    parts: tuple[Part, ...] = ()


def contributions(data: bytes, manifest: Manifest, row: Inputs, known: Inputs) -> Contributions:
    """Of one row, to the positive class, the likeliest of several, or the value. `known`: rows to count ways down the
    trees by, where the graph does not carry the training's counts.

    Raises NotTold (see `open_learner`), and NotPossible where the result does not add up, which is a defect.
    """
    learner = open_learner(data, manifest, row)
    target = _target(manifest, learner.raw)
    shares, counts = learner.shares(target, known)
    _prove(shares, float(learner.raw[target]))
    scale, centre = frame_of(learner.graph, manifest)
    by_input = dict.fromkeys(manifest.inputs, 0.0)
    for source, share in zip(learner.sources, shares.columns, strict=True):
        if source is not None:
            by_input[source] += float(share) * scale
    return Contributions(
        method="linear" if learner.linear else "TreeSHAP, path-dependent", towards=_class(manifest, target),
        unit=_unit(manifest, learner), counts=counts,
        base=shares.base * scale + centre, by_input=by_input, raw=shares.score * scale + centre,
    )  # fmt: skip


def _target(manifest: Manifest, raw: NDArray[Any]) -> int:
    """Which column of the raw scores is explained."""
    if len(raw) == 1:
        return 0
    if manifest.positive_class is not None:
        return manifest.classes.index(manifest.positive_class)
    return int(raw.argmax())


def _class(manifest: Manifest, target: int) -> str:
    if manifest.task == "binary":
        return manifest.positive_class or ""
    return manifest.classes[target] if manifest.classes else ""


def _unit(manifest: Manifest, learner: Learner) -> str:
    if manifest.task == "regression":
        return "value"
    return "log-odds" if learner.odds else "probability"


def _prove(shares: Shares, of_graph: float) -> None:
    """That base and columns add up to the score, and that this is the graph's."""
    unit = max(1.0, abs(shares.score))
    off = abs(shares.base + float(shares.columns.sum()) - shares.score) / unit
    apart = abs(of_graph - shares.score) / unit
    if not (off <= ADDITIVE and apart <= AS_THE_GRAPH):
        raise NotPossible(
            f"the contributions do not add up: they miss the raw score {shares.score!r} by {off:.3g}, and the graph's "
            f"own {of_graph!r} by {apart:.3g}. This is a defect of Tidemill: report it with the version's manifest"
        )
