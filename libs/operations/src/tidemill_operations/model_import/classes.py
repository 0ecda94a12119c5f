"""Which class each column of a graph's output is, by what the graph says of itself and what a person says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidemill.artifact import ArtifactError

FALSE, TRUE = "false", "true"
_MEANT = {"0": FALSE, "false": FALSE, "-1": FALSE, "1": TRUE, "true": TRUE}


@dataclass(frozen=True, slots=True)
class Classes:
    """The columns' names in their order, and which of them a binary model is asked for."""

    names: tuple[str, ...]
    positive: str | None = None


def settled(
    task: str, own: tuple[str, ...] | None, said: tuple[str, ...], positive: str | None, *, width: int | None
) -> Classes:
    """The classes of the output. `own`: as the graph has them; `said`: as a person does (`--classes`), `positive` too;
    `width`: columns of the output, where that is known. Raises ArtifactError where they contradict each other, or where
    nobody says.
    """
    if task == "regression":
        if said or positive:
            raise ArtifactError("a regression has no classes: leave out --classes and --positive")
        return Classes(())
    if task == "binary":
        return _binary(own, said, positive, width)
    if positive:
        raise ArtifactError("--positive is for a binary model")
    names = said or own
    if not names:
        raise ArtifactError("which class is which column? Say --classes A,B,… in the order of the graph's output")
    _check_order(own, said, width)
    return Classes(tuple(names))


def _binary(own: tuple[str, ...] | None, said: tuple[str, ...], positive: str | None, width: int | None) -> Classes:
    if width == 1:
        return _one_column(said, positive)
    names = tuple(said or own or (FALSE, TRUE))
    _check_order(own, said, width)
    if len(names) != 2:
        raise ArtifactError(
            f"a binary model has two classes, not {', '.join(names)}: say --classes false,true in the order of the "
            "graph's output"
        )
    if positive is not None:
        if positive not in names:
            raise ArtifactError(f"--positive {positive} is none of the classes {', '.join(names)}")
        return Classes(names, positive)
    meant = [_MEANT.get(name.lower()) for name in names]
    if sorted(map(str, meant)) != [FALSE, TRUE]:
        raise ArtifactError(f"which of {' and '.join(names)} is true? Say --positive NAME")
    return Classes(tuple(str(name) for name in meant), TRUE)


def _one_column(said: tuple[str, ...], positive: str | None) -> Classes:
    """One column is the probability of one class; the other's follows."""
    names = said or ((positive,) if positive else (TRUE,))
    if len(names) != 1:
        if names != (FALSE, TRUE):
            raise ArtifactError(
                "the output is one column, the probability of one class: which one? Say "
                f"--classes {names[0]} or --classes {names[-1]}"
            )
        names = (TRUE,)
    meant = _MEANT.get(names[0].lower())
    if positive is not None and meant is None:
        return Classes((FALSE, TRUE) if names[0] == positive else (TRUE, FALSE), TRUE)
    if meant is None:
        raise ArtifactError(f"is {names[0]} what is true of a row? Say --classes true or --classes false")
    return Classes((FALSE, TRUE) if meant == TRUE else (TRUE, FALSE), TRUE)


def _check_order(own: tuple[str, ...] | None, said: tuple[str, ...], width: int | None) -> None:
    if said and len(set(said)) != len(said):
        raise ArtifactError(f"--classes {','.join(said)}: a class stands twice")
    if said and width is not None and len(said) != width:
        raise ArtifactError(f"--classes names {len(said)} classes, the output has {width} columns")
    if not said or own is None or _numbers(own):
        return
    if len(own) != len(said):
        raise ArtifactError(f"the graph has the classes {','.join(own)}, --classes says {','.join(said)}")
    theirs, ours = [_plain(name) for name in own], [_plain(name) for name in said]
    if sorted(theirs) == sorted(ours) and theirs != ours:
        raise ArtifactError(
            f"the graph says that its classes stand in the order {','.join(own)}, --classes says {','.join(said)}: "
            "leave --classes out, or export the graph anew"
        )


def _numbers(own: Sequence[str]) -> bool:
    """Whether they are nothing but places: 0, 1, 2."""
    return list(own) == [str(place) for place in range(len(own))]


def _plain(name: str) -> str:
    return _MEANT.get(name.lower(), name)


def check_labels(answers: np.ndarray, labels: np.ndarray, classes: Classes, own: tuple[str, ...] | None) -> None:
    """Hold a graph's answers [n, C] against its own label of each row [n]: the label's column must be the largest. Rows
    between two classes say nothing. Raises ArtifactError where the order of the columns is another one.
    """
    found = [str(label).lower() if isinstance(label, bool | np.bool_) else str(label) for label in labels.ravel()]
    names = _label_names(found, classes, own)
    if names is None:
        return
    ordered = np.sort(answers, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-3
    for row in np.flatnonzero(clear & np.isfinite(answers).all(axis=1)):
        column = int(answers[row].argmax())
        if names.get(found[row], column) != column:
            raise ArtifactError(
                f"the columns stand in another order than {','.join(classes.names)}: of row {row + 1} of the sample "
                f"the graph says {found[row]}, but its largest probability is column {column + 1}. See --classes"
            )


def _label_names(found: list[str], classes: Classes, own: tuple[str, ...] | None) -> dict[str, int] | None:
    """Labels to columns, where it can be told which is which."""
    if own is not None and len(own) == len(classes.names) and set(found) <= set(own):
        return {name: column for column, name in enumerate(own)}
    by_name = {_plain(name): column for column, name in enumerate(classes.names)}
    if {_plain(label) for label in found} <= set(by_name):
        return {label: by_name[_plain(label)] for label in found}
    return None
