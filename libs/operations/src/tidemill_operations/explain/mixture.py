"""What each input adds to the score of a mixture: the weighted sum of what it adds to the scores of its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidemill.artifact import Manifest, OnnxModel
from tidemill_operations.errors import NotPossible
from tidemill_operations.explain.contributions import ADDITIVE, AS_THE_GRAPH, Contributions, Inputs, NotTold, Part
from tidemill_operations.explain.learner import Learner, frame_of, open_learner
from tidemill_operations.explain.links import Floats, Link


@dataclass(frozen=True, slots=True)
class MemberGraph:
    """A member of a mixture."""

    graph: bytes
    manifest: Manifest
    weight: float


@dataclass(frozen=True, slots=True)
class _Shares:
    """Of one member, in units of the score: `base` and `columns` [inputs] add up to `score`."""

    base: float
    columns: Floats
    score: float
    counts: str


def mixture_contributions(
    mixture: OnnxModel, members: Sequence[MemberGraph], row: Inputs, known: Inputs
) -> Contributions:  # fmt: skip
    """Of one row, in units of the score itself: probability, or the target's own. `known`: as for `contributions`.

    A member whose raw score is no probability has its contributions carried through the function that makes one of it:
    each times the mean slope on the straight way from the base to the raw score (the rescale rule by which Shapley
    values are handed on through a series of models: Chen, Lundberg, Lee: Nature Communications 13, 2022; of several
    classes Aumann's and Shapley's integral, 1974). So they add up to the member's score, and their weighted sums to the
    mixture's. A member that does not know the class adds nothing: its probability is 0, whatever the row.

    Raises NotTold where a member is of a form whose contributions are not known, NotPossible where they do not add up.
    """
    manifest, answers = mixture.manifest, mixture.answers(row)[0]
    target = manifest.classes.index(manifest.positive_class) if manifest.positive_class else int(answers.argmax())
    names = list(manifest.inputs)
    base, columns, score, parts, counts = 0.0, np.zeros(len(names)), 0.0, [], dict[str, None]()
    for one in members:
        found = _of_member(one, manifest, target, row, known, names)
        base, columns = base + one.weight * found.base, columns + one.weight * found.columns
        score += one.weight * found.score
        parts.append(Part(one.manifest.version, one.weight, found.score))
        counts |= {found.counts: None} if found.counts else {}
    _prove(base, columns, score, float(answers[target]))
    return Contributions(
        method="weighted sum of its members'", towards=manifest.classes[target] if manifest.classes else "",
        unit="value" if manifest.task == "regression" else "probability", base=base,
        by_input=dict(zip(names, columns.tolist(), strict=True)), raw=score, counts="; ".join(counts),
        parts=tuple(parts),
    )  # fmt: skip


def _of_member(
    one: MemberGraph, mixture: Manifest, target: int, row: Inputs, known: Inputs, names: Sequence[str]
) -> _Shares:
    own = _place(one.manifest, mixture, target)
    if own is None:
        return _Shares(0.0, np.zeros(len(names)), 0.0, "")
    try:
        found = _carried(open_learner(one.graph, one.manifest, row), one, own, row, known, names)
    except NotTold as error:
        raise NotTold(f"of its member version {one.manifest.version} {error}") from error
    return found


def _place(member: Manifest, mixture: Manifest, target: int) -> int | None:
    """Which of a member's classes is the one that is told of; None where it does not know it, 0 of a regression."""
    if mixture.task == "regression":
        return 0
    name = member.positive_class if mixture.task == "binary" else mixture.classes[target]
    return member.classes.index(name) if name in member.classes else None


def _carried(
    learner: Learner, one: MemberGraph, own: int, row: Inputs, known: Inputs, names: Sequence[str]
) -> _Shares:  # fmt: skip
    shares = [learner.shares(target, known) for target in range(len(learner.raw))]
    base, raw = (np.array([getattr(each, name) for each, _ in shares]) for name in ("base", "score"))
    table = np.zeros((len(shares), len(names)))
    for at, (each, _) in enumerate(shares):
        for source, share in zip(learner.sources, each.columns, strict=True):
            if source is not None:
                table[at, names.index(source)] += share
    if one.manifest.task == "regression":
        scale, centre = frame_of(learner.graph, one.manifest)
        slopes, begin, end = np.array([scale]), base[0] * scale + centre, raw[0] * scale + centre
    else:
        link = Link.of(learner.graph, odds=learner.odds)
        begin, end = link.scores(np.stack([base, raw]))[:, own]
        slopes = link.along(base, raw, own)
    answered = float(OnnxModel.load(one.graph, one.manifest).answers(row)[0][own])
    if not abs(answered - end) <= AS_THE_GRAPH * max(1.0, abs(end), float(np.abs(slopes @ table).sum())):
        raise NotTold(f"the score {answered!r} does not follow from the raw one as in graphs of ours ({float(end)!r})")
    return _Shares(float(begin), slopes @ table, float(end), shares[0][1])


def _prove(base: float, columns: Floats, score: float, answered: float) -> None:
    """That base and columns add up to the score, and that this is the mixture's own."""
    unit = max(1.0, abs(score))
    off = abs(base + float(columns.sum()) - score) / unit
    apart = abs(answered - score) / max(unit, float(np.abs(columns).sum()))
    if not (off <= ADDITIVE and apart <= AS_THE_GRAPH):
        raise NotPossible(
            f"the contributions do not add up: they miss the mixture's score {score!r} by {off:.3g}, and its graph's "
            f"own {answered!r} by {apart:.3g}. This is a defect of Tidemill: report it with the version's manifest"
        )
