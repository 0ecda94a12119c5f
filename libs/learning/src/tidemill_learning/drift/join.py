"""Labels meet predictions, whatever the order in which the two logs are read.

Labels come late, and a slow worker may predict late too. So that a label's fate does not depend on how
reading was interleaved or where a process was restarted, it is decided by the records alone. Let the
*clock* of a log at a record be the latest time among the records up to it (for labels: `observed_at`; for
predictions: event time; neither later than the append time). A label meets a prediction of its event if and
only if

1. the clock of the labels' log at the label is not past the prediction's event time + `expires`, and 2. the
clock of the predictions' log before the prediction is not past the label's event time + `wait`.

Both clocks are functions of their own log. The first bounds how long a prediction waits, the second how
long a label does: once the clock of the *other* log is past its bound, no later record there can meet it,
and it is let go. A label may meet several predictions (champion and challenger).

Of the labels that meet a prediction the one observed last counts, whatever their order in the log; of two that
were observed at the same time, the first. A correction counts in the window of its own offset: there it adds the
difference to the label that counted until then, so that the sums of all windows are those of the newest labels.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from tidemill_learning.drift.folds import Extent
from tidemill_learning.drift.windows import NEVER

MAX_WAITING = 100_000
"""Predictions of a partition that wait for labels. Beyond it the oldest are let go: the one case outside
the rule.
"""

MAX_LABELS = 50_000
"""Labels of a partition in open windows. Beyond it the labels' log is not read on until predictions catch
up.
"""


@dataclass(slots=True)
class Met:
    """One label that met one prediction. Positions come first: matches are sorted by them.

    `corrects`: a label of an earlier window counted for this prediction until now, and `before` is what it said.
    """

    label_offset: int
    prediction_offset: int
    label: Any
    output: Any
    observed_at: int
    rivals: Any = None
    corrects: bool = False
    before: Any = None


@dataclass(slots=True)
class LabelWindow:
    """An open window of the labels' log. `until`: the latest event time among its labels. `met`: by version and
    arm, then by the prediction's offset. `matched`: offsets of the labels that met any prediction, whether they
    count or not. `written`: its profile is out, and it is read again for what its labels mean to later ones.
    """

    number: int
    written: bool = False
    extent: Extent = field(default_factory=Extent)
    until: int = NEVER
    met: dict[tuple[int, str], dict[int, Met]] = field(default_factory=dict)
    matched: set[int] = field(default_factory=set)
    event_ids: list[str] = field(default_factory=list)
    first_prediction: int | None = None
    first_label: int | None = None


@dataclass(slots=True)
class _Prediction:
    offset: int
    event_time: int
    clock_before: int
    version: int
    arm: str
    output: Any
    rivals: Any
    counted: Met | None = None
    counted_said_at: int = NEVER
    counted_in: int = NEVER
    first_label: int = 0
    gone: bool = False


@dataclass(slots=True)
class _Label:
    window: LabelWindow
    offset: int
    event_time: int
    clock: int
    observed_at: int
    said_at: int
    label: Any


class LabelJoin:
    """The join of one partition's labels and stream predictions by event id; times in milliseconds.

    Predictions served by REST are not joined: they are what people chose to ask, not the stream.
    """

    def __init__(self, expires: int, wait: int) -> None:
        self._expires = expires
        self._wait = wait
        self._predictions: dict[str, list[_Prediction]] = {}
        self._order: deque[tuple[str, _Prediction]] = deque()
        self._labels: dict[str, list[_Label]] = {}
        self._labelled: list[tuple[int, int, _Prediction]] = []
        self.windows: dict[int, LabelWindow] = {}
        self.unlabelled = 0
        self.unmatched = 0

    @property
    def waiting_predictions(self) -> int:
        """Predictions that may still get a label."""
        return len(self._order)

    @property
    def open_labels(self) -> int:
        """Labels in windows that are not closed."""
        return sum(len(window.event_ids) for window in self.windows.values())

    def add_prediction(
        self,
        event_id: str,
        offset: int,
        event_time: int,
        clock_before: int,
        version: int,
        arm: str,
        output: Any,
        rivals: Any = None,
    ) -> None:
        """A prediction of the stream; offsets ascend. `rivals`: what both arms of a trial said, if they did."""
        prediction = _Prediction(offset, event_time, clock_before, version, arm, output, rivals)
        self._predictions.setdefault(event_id, []).append(prediction)
        self._order.append((event_id, prediction))
        for label in self._labels.get(event_id, ()):
            self._meet(label, prediction)
        if len(self._order) > MAX_WAITING:
            self._let_go()

    def add_label(
        self,
        window: int,
        event_id: str,
        offset: int,
        event_time: int,
        clock: int,
        observed_at: int,
        label: Any,
        said_at: int | None = None,
        written: bool = False,
    ) -> None:
        """A label; offsets ascend. `clock` is that of the labels' log at this label. `said_at`: its `observed_at` as
        it says itself, which decides which label is the newest; None where that is `observed_at`. `written`: its
        window's profile is out already.
        """
        into = self.windows.setdefault(window, LabelWindow(window, written))
        into.until = max(into.until, event_time)
        into.event_ids.append(event_id)
        new = _Label(into, offset, event_time, clock, observed_at, observed_at if said_at is None else said_at, label)
        self._labels.setdefault(event_id, []).append(new)
        for prediction in self._predictions.get(event_id, ()):
            self._meet(new, prediction)

    def expire(self, labels_clock: int) -> None:
        """Let predictions go that no later label can meet."""
        while self._order and self._order[0][1].event_time + self._expires < labels_clock:
            self._let_go()

    def close(self, first_open: int, predictions_clock: int) -> list[LabelWindow]:
        """Windows before `first_open` whose labels no later prediction can meet, in order; they are
        forgotten here.
        """
        closed = []
        for number in sorted(self.windows):
            window = self.windows[number]
            if number >= first_open or window.until + self._wait >= predictions_clock:
                break
            del self.windows[number]
            self._forget(window)
            if not window.written:
                closed.append(window)
        return closed

    def needed_prediction(self) -> int | None:
        """The lowest offset of a prediction that must be read again to rebuild this state."""
        needed = [self._order[0][1].offset] if self._order else []
        needed += [w.first_prediction for w in self.windows.values() if w.first_prediction is not None]
        return min(needed, default=None)

    def needed_label(self) -> int | None:
        """The lowest offset of a label that must be read again to rebuild this state: of open windows, and of what
        counts for predictions that may still be corrected.
        """
        while self._labelled and self._labelled[0][2].gone:
            heappop(self._labelled)
        needed = [self._labelled[0][0]] if self._labelled else []
        needed += [window.extent.first_offset for window in self.windows.values()]
        needed += [w.first_label for w in self.windows.values() if w.first_label is not None]
        return min(needed, default=None)

    def _meet(self, label: _Label, prediction: _Prediction) -> None:
        if (
            label.clock > prediction.event_time + self._expires
            or prediction.clock_before > label.event_time + self._wait
        ):
            return
        label.window.matched.add(label.offset)
        before = prediction.counted
        if before is not None and label.said_at <= prediction.counted_said_at:
            return
        if before is None:
            prediction.first_label = label.offset
            heappush(self._labelled, (label.offset, prediction.offset, prediction))
        self._count(label, prediction, before)

    @staticmethod
    def _count(label: _Label, prediction: _Prediction, before: Met | None) -> None:
        """From now on this label counts for the prediction, instead of the one before."""
        window = label.window
        met = Met(label.offset, prediction.offset, label.label, prediction.output, label.observed_at, prediction.rivals)
        if before is not None and prediction.counted_in == window.number:
            met.corrects, met.before = before.corrects, before.before
        elif before is not None:
            met.corrects, met.before = True, before.label
        window.met.setdefault((prediction.version, prediction.arm), {})[prediction.offset] = met
        prediction.counted, prediction.counted_said_at, prediction.counted_in = met, label.said_at, window.number
        window.first_prediction = min(
            prediction.offset, prediction.offset if window.first_prediction is None else window.first_prediction
        )
        window.first_label = min(
            prediction.first_label, prediction.first_label if window.first_label is None else window.first_label
        )

    def _let_go(self) -> None:
        event_id, prediction = self._order.popleft()
        prediction.gone = True
        self.unlabelled += prediction.counted is None
        rest = [other for other in self._predictions[event_id] if other is not prediction]
        if rest:
            self._predictions[event_id] = rest
        else:
            del self._predictions[event_id]

    def _forget(self, window: LabelWindow) -> None:
        if not window.written:
            self.unmatched += len(window.event_ids) - len(window.matched)
        for event_id in window.event_ids:
            rest = [label for label in self._labels.get(event_id, ()) if label.window is not window]
            if rest:
                self._labels[event_id] = rest
            else:
                self._labels.pop(event_id, None)
