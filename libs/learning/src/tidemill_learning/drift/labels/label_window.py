"""What meets in a join of labels and predictions, and the windows of labels in which it is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tidemill_learning.drift.profiling.folds import Extent
from tidemill_learning.drift.profiling.windows import NEVER

Source = Literal["stream", "rest"]
STREAM: Source = "stream"
REST: Source = "rest"
SOURCES: tuple[Source, ...] = (STREAM, REST)


@dataclass(slots=True)
class Met:
    """One label that met one prediction. Positions come first: matches are sorted by them. `prompt`: the prediction
    was there when a REST prediction of the same event had to be.

    `corrects`: a label of an earlier window counted for this prediction until now, and `before` is what it said.
    `decided`: the label that a binary prediction gave, None where it gave none.
    """

    label_offset: int
    prediction_offset: int
    label: Any
    output: Any
    observed_at: int
    rivals: Any = None
    event_id: str = ""
    prompt: bool = True
    corrects: bool = False
    before: Any = None
    decided: bool | None = None


Group = tuple[Source, int, str]
"""Source, version and arm of predictions."""


@dataclass(slots=True)
class LabelWindow:
    """An open window of the labels' log. `until`: the latest event time among its labels, `appended`: their latest
    append time. `met`: by source, version and arm, then by the prediction's offset. `matched`: offsets of the labels
    that met any prediction, whether they count or not.

    `written`: the sources whose profile is out; it is read again for what its labels mean to later ones. `awaits`:
    those for which it is not over. `asked`: false where it was over before REST clients began to ask.
    """

    number: int
    written: frozenset[Source] = frozenset()
    extent: Extent = field(default_factory=Extent)
    until: int = NEVER
    appended: int = NEVER
    met: dict[Group, dict[int, Met]] = field(default_factory=dict)
    matched: set[int] = field(default_factory=set)
    event_ids: list[str] = field(default_factory=list)
    first_prediction: int | None = None
    first_label: int | None = None
    awaits: set[Source] = field(default_factory=lambda: set(SOURCES))
    asked: bool = True

    def of(self, source: Source) -> dict[tuple[int, str], list[Met]]:
        """What counts of a source, by version and arm."""
        groups = {(version, arm): [*met.values()] for (kind, version, arm), met in self.met.items() if kind == source}
        if source == STREAM:
            return groups
        once = {key: self._once(met) for key, met in groups.items()} if self.asked else {}
        return {key: met for key, met in once.items() if met}

    def labels_of(self, source: Source) -> dict[int, Any]:
        """What each label said that met a prediction of the source, by its offset."""
        groups = [met for (kind, *_), met in self.met.items() if kind == source]
        return {one.label_offset: one.label for met in groups for one in met.values()}

    def _once(self, met: list[Met]) -> list[Met]:
        """The first answer to each event, but for events that the stream has answered."""
        streamed = {
            m.event_id for (kind, *_), of in self.met.items() if kind == STREAM for m in of.values() if m.prompt
        }
        first: dict[str, Met] = {}
        for one in sorted(met, key=lambda m: m.prediction_offset):
            first.setdefault(one.event_id, one)
        return [one for event_id, one in first.items() if event_id not in streamed]


@dataclass(slots=True)
class Prediction:
    """A prediction that waits for labels. `clock_before`: the stream's clock before it; `appended`: the broker's at
    it. `rivals`: what both arms of a trial said, if they did. `context`: of its trace, if that is sampled. `decided`:
    see Met.
    """

    offset: int
    source: Source
    event_time: int
    clock_before: int
    appended: int
    version: int
    arm: str
    output: Any
    rivals: Any = None
    context: bytes | None = None
    counted: Met | None = None
    counted_said_at: int = NEVER
    counted_in: int = NEVER
    first_label: int = 0
    gone: bool = False
    decided: bool | None = None


@dataclass(slots=True)
class Label:
    """A label; `clock`: that of the labels' log at it. `said_at`: its `observed_at` as it says itself, which decides
    which label is the newest. Times in ms.
    """

    offset: int
    event_time: int
    clock: int
    observed_at: int
    said_at: int
    appended: int
    label: Any
