"""Whether a model answers what it is served for: probabilities where it has classes, and each row for itself.

A server scores together what was asked at the same time, and the stream whole batches. So the answer to a row may
depend on nothing but the row: not on its neighbours (a softmax or a normalisation over the batch), not on its place,
not on the size of the batch, and not on chance (dropout left on, random operators).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.manifest import Manifest

Inputs = Mapping[str, np.ndarray[Any, Any]]
Answers = np.ndarray[Any, np.dtype[np.float64]]

MOST_ROWS = 200
"""Rows of the given ones that are looked at; a batch is made of their repetitions."""
ALONE = 16
"""Rows that are scored alone as well."""
BATCH = 1_024
"""Rows of the largest batch, where nothing else is said."""

OUTSIDE = 1e-6
"""By how much a probability may lie outside of 0 and 1: a rounding in float32."""
SUM_TOLERANCE = 1e-3
SAME_PROBABILITY = 1e-5
"""By how much two answers to one row may differ: sums in another order, in float32."""


class Answering(Protocol):
    """What is asked of a model."""

    @property
    def manifest(self) -> Manifest: ...
    def answers(self, inputs: Inputs) -> Answers: ...


def prove(model: Answering, inputs: Inputs, batch: int = BATCH) -> None:
    """Score rows of `inputs` ([n, 1] each, n > 0) together, again, in reverse, alone, and repeated up to `batch` rows.

    Raises ArtifactError (reason `scores`) where they are no probabilities (outside of 0 to 1, or a row's do not add up
    to 1; regressions have no such rule), or where an answer depends on anything but its row. A NaN is a row that the
    model gives no number for, in every batch.
    """
    rows = {name: values[:MOST_ROWS] for name, values in inputs.items()}
    together = model.answers(rows)
    if model.manifest.task != "regression":
        check_probabilities(together)
    same = _Sameness(together, model.manifest.task)
    same.check(model.answers(rows), together, "asked again", "Is dropout on, or an operator random?")
    backwards = _asked(model, {name: values[::-1] for name, values in rows.items()}, len(together))
    same.check(backwards[::-1], together, "in another order", _OTHERS)
    for row in np.unique(np.linspace(0, len(together) - 1, ALONE).astype(int)):
        alone = _asked(model, {name: values[row : row + 1] for name, values in rows.items()}, 1)
        same.check(alone, together[row : row + 1], "alone", _OTHERS)
    large = max(batch, len(together))
    many = _asked(model, {name: np.resize(values, (large, 1)) for name, values in rows.items()}, large)
    same.check(many, np.resize(together, many.shape), f"among {large} rows", _OTHERS)


def check_probabilities(answers: Answers) -> None:
    """Raise ArtifactError unless each row of [n, C] is of probabilities that add up to 1, or has a NaN."""
    known = answers[~np.isnan(answers).any(axis=1)]
    if not len(known):
        return
    least, most = float(known.min()), float(known.max())
    if least < -OUTSIDE or most > 1 + OUTSIDE:
        raise ArtifactError(
            f"the output is no probability: it answers from {least:g} to {most:g}. Logits need a softmax (one column: "
            "a sigmoid) in the graph; `tidemill models import --logits` adds it",
            Reason.SCORES,
        )
    sums = known.sum(axis=1)
    worst = float(sums[np.abs(sums - 1).argmax()])
    if abs(worst - 1) > SUM_TOLERANCE:
        raise ArtifactError(
            f"the output is no probability: the classes of a row add up to {worst:g}, not to 1. Is the softmax over "
            "the classes (axis 1), and are the classes exclusive?",
            Reason.SCORES,
        )


_OTHERS = (
    "The server scores rows of several callers together. A softmax or a normalisation over the batch (axis 0), or "
    "one left in training mode? Export in evaluation mode, every row for itself"
)


class _Sameness:
    """Which differences are roundings."""

    def __init__(self, answers: Answers, task: str) -> None:
        self._absolute = SAME_PROBABILITY
        if task == "regression":
            known = answers[np.isfinite(answers)]
            step = float(np.finfo(np.float32).eps) * float(np.abs(known).max(initial=0.0))
            self._absolute = 8 * step + 1e-4 * (float(np.ptp(known)) if len(known) else 0.0)

    def check(self, found: Answers, wanted: Answers, how: str, hint: str) -> None:
        close = np.isclose(found, wanted, rtol=0.0, atol=self._absolute, equal_nan=True)
        if not close.all():
            row, column = np.argwhere(~close)[0]
            raise ArtifactError(
                f"a row's answer does not depend on the row alone: {wanted[row, column]:g}, but {how} "
                f"{found[row, column]:g}. {hint}",
                Reason.SCORES,
            )


def _asked(model: Answering, inputs: Inputs, rows: int) -> Answers:
    try:
        return model.answers(inputs)
    except ArtifactError as error:
        raise ArtifactError(
            f"the graph takes no batch of {rows} row{'' if rows == 1 else 's'}: {error}. Export it with a "
            "batch size that is "
            "left open (dynamic axes)",
            Reason.SCORES,
        ) from error
