"""The label of a sample: which task it makes, and with which choices a file's values are it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from tidemill_operations.errors import WrongUse
from tidemill_operations.modelling.columns import shown
from tidemill_operations.modelling.sample import Sample
from tidemill_operations.push.files.choices import Choices

TYPES: Final = {"binary": "boolean", "multiclass": "string", "regression": "double"}
MOST_CLASSES: Final = 50
FEW_NUMBERS: Final = 10
"""So many different whole numbers are classes rather than amounts."""


@dataclass(frozen=True, slots=True)
class Label:
    """`values`: as the task has them, null where there is none yet; `choices`: by which they are read."""

    task: str
    values: pl.Series
    choices: Choices
    reason: str


def read_label(sample: Sample, name: str, task: str | None, choices: Choices) -> Label:
    """The label by the task that was asked for, or the first of binary, multiclass and regression that it fits.

    Raises WrongUse where it fits none, or has one value alone.
    """
    for found in _possible(sample, name, choices):
        if task in (None, found.task):
            _must_differ(name, found.values)
            return found
    raise WrongUse(f"{_misfit(sample, name, task, choices)}", "--task" if task else "--label")


def _possible(sample: Sample, name: str, choices: Choices) -> Iterator[Label]:
    for chosen in (choices, replace(choices, as_text=True)):
        values = sample.read(name, "boolean", chosen)
        if values is not None:
            more = ", read with --as-text" if chosen.as_text and not sample.written else ""
            yield Label("binary", values, chosen if not sample.written else choices, f"{_counts(values)}{more}")
            break
    number, text = sample.read(name, "double", choices), sample.read(name, "string", choices)
    different = text.drop_nulls().n_unique() if text is not None else 0
    classes = Label("multiclass", text, choices, f"{different} classes: {_named(text)}") if text is not None else None
    amounts = number is not None and not _few_whole(number)
    if classes is not None and not amounts and different <= MOST_CLASSES:
        yield classes
    if number is not None:
        yield Label("regression", number, choices, f"numbers from {number.min()!r} to {number.max()!r}")
    if classes is not None and amounts:
        yield classes  # only where it is asked for


def _few_whole(number: pl.Series) -> bool:
    present = number.drop_nulls()
    return bool((present == present.round()).all()) and present.n_unique() <= FEW_NUMBERS


def _must_differ(name: str, values: pl.Series) -> None:
    present = values.drop_nulls()
    if present.n_unique() < 2:
        said = f"only {shown(present[0])}" if len(present) else "nothing"
        raise WrongUse(
            f"the column {name!r} holds {said}: there is nothing to learn from it; take a longer sample", "--label"
        )


def _misfit(sample: Sample, name: str, task: str | None, choices: Choices) -> str:
    if task is None:
        fits = f"true and false, up to {MOST_CLASSES} classes, or numbers alone"
        return f"the column {name!r} is no label: it must be {fits}"
    problem = sample.problem(name, TYPES[task], choices)
    why = f": line {problem.line} {problem.reason}" if problem else ""
    cure = "; write true and false (or yes/no, 1/0) where it is made, or take multiclass" if task == "binary" else ""
    return f"the column {name!r} does not fit the task {task}{why}{cure}"


def _counts(values: pl.Series) -> str:
    yes = int(values.sum() or 0)
    present = len(values) - values.null_count()
    return f"true and false; {yes / max(present, 1):.1%} of {present:,} are true"


def _named(values: pl.Series | None) -> str:
    names = sorted(map(str, values.drop_nulls().unique().to_list())) if values is not None else []
    return ", ".join(map(shown, names[:5])) + (" …" if names[5:] else "")
