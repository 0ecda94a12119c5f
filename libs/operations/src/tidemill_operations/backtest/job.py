"""A backtest from the labelled rows to what there is to show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.backtest.outcome import Outcome, best
from tidemill_learning.backtest.run import Backtest, Told, backtest
from tidemill_learning.backtest.stream import Stream
from tidemill_operations.backtest.material import Material
from tidemill_operations.backtest.policies import OURS, Override, compared


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found for a model. `notes`: what to know of it, for people; `source`: what was played."""

    model: str
    metric: str
    source: str
    found: Backtest
    material: Material
    notes: tuple[str, ...]

    @property
    def ours(self) -> Outcome:
        """Of the model file as it is."""
        return next(one for one in self.found.outcomes if one.name == OURS)

    def best_of(self, overrides: Sequence[Override]) -> Override | None:
        """The one of them that did best, None where none did better than the model file as it is."""
        by_name = {one.name: one for one in self.found.outcomes}
        found = best([self.ours, *(by_name[one.name] for one in overrides)], self.found.measure)
        return next((one for one in overrides if one.name == found.name), None)


def run(
    spec: ModelSpec, source: str, material: Material, overrides: Sequence[Override], without: Sequence[str], told: Told
) -> Report:  # fmt: skip
    """Play what was read under every policy. Seconds are of the processor. Raises ValueError where the rows are too few
    for any answer.
    """
    stream = Stream.of(spec, material.labelled)
    wanted = compared(spec, len(stream), overrides, time.process_time, without)
    found = backtest(stream, wanted.policies, wanted.grid, told)
    return Report(spec.name, spec.training.metric, source, found, material, tuple(_notes(material, found)))


def _notes(material: Material, found: Backtest) -> list[str]:
    notes = []
    if material.set_aside:
        notes.append(f"{material.set_aside:,} rows were left out, as the stream would have set them aside")
    if material.unlabelled:
        notes.append(f"{material.unlabelled:,} events have no label and tell nothing")
    if found.counted < found.rows:
        notes.append(
            f"scored over the {found.counted:,} of {found.rows:,} labelled events that every policy has answered"
        )
    if found.best_schedule is not None:
        notes.append(
            f"the fixed schedule is the best of {len(found.grid)}, chosen afterwards: nobody knows it beforehand"
        )
    return notes
