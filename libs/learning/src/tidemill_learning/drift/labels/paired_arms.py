"""Champion and challenger on the same labels: what both arms of a trial said, and what the challenger gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidemill.artifact.outputs import OUTPUTS, SCORES
from tidemill.contracts.events.profiles import Comparison
from tidemill_learning.drift.labels.label_window import Met
from tidemill_learning.drift.labels.outcomes import outputs_of
from tidemill_learning.release.gains import auc_gains, brier_gains, nearer_gains

CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Rivals:
    """What both arms said of one event, and which versions they were."""

    epoch: int
    champion: int
    challenger: int
    old: Any
    new: Any


def rivals_of(task: str, rows: pa.RecordBatch, outputs: Sequence[Any]) -> list[Rivals | None]:
    """Both arms' outputs of each prediction, aligned with `rows`; None without a trial, and where the other arm gave
    no answer. `outputs`: of the arms that answered (see `outputs_of`).
    """
    names = OUTPUTS[task] if task == "multiclass" else (SCORES[task],)
    present = {f"other_{name}" for name in names} <= set(rows.schema.names)
    if not present or rows.column(f"other_{names[0]}").null_count == rows.num_rows:
        return [None] * rows.num_rows
    known = [at for at, value in enumerate(rows.column(f"other_{names[0]}").is_valid().to_pylist()) if value]
    asked = rows.take(pa.array(known))
    others = outputs_of(task, pa.record_batch({name: asked.column(f"other_{name}") for name in names}))
    found: list[Rivals | None] = [None] * rows.num_rows
    facts = (asked.column(name).to_pylist() for name in ("epoch", "version", "other_version", "arm"))
    for at, other, epoch, version, other_version, arm in zip(known, others, *facts, strict=True):
        if arm == CHALLENGER:
            found[at] = Rivals(epoch, other_version, version, other, outputs[at])
        else:
            found[at] = Rivals(epoch, version, other_version, outputs[at], other)
    return found


def comparisons(task: str, met: Sequence[Met]) -> list[Comparison]:
    """What challengers gained, from what met in one window, by epoch and versions.

    A correction of an earlier window's label is left out: a sequential test cannot take back what it has seen.
    """
    groups: dict[tuple[int, int, int], list[Met]] = {}
    for one in sorted(
        (m for m in met if m.rivals is not None and not m.corrects), key=lambda m: (m.label_offset, m.prediction_offset)
    ):
        rivals: Rivals = one.rivals
        groups.setdefault((rivals.epoch, rivals.champion, rivals.challenger), []).append(one)
    return [
        Comparison(
            epoch=epoch,
            champion=champion,
            challenger=challenger,
            labels=len(group),
            gains=tuple(_gains(task, group)),
        )
        for (epoch, champion, challenger), group in sorted(groups.items(), key=lambda item: item[0])
    ]


def _gains(task: str, met: Sequence[Met]) -> list[float]:
    labels, old, new = [m.label for m in met], [m.rivals.old for m in met], [m.rivals.new for m in met]
    if task == "multiclass":
        return brier_gains(labels, [output[1] for output in old], [output[1] for output in new])
    gains: Callable[[Any, Any, Any], list[float]] = auc_gains if task == "binary" else nearer_gains
    return gains(labels, old, new)
