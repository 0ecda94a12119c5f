"""Labels meet predictions, whatever the order in which the logs are read.

Labels come late, and a slow worker may predict late too. So that a label's fate does not depend on how reading was
interleaved or where a process was restarted, it is decided by the records alone. Let the *clock* of a log at a record
be the latest time among the records up to it (for labels: `observed_at`; for predictions: event time; neither later
than the append time). A label meets a prediction of its event if and only if

1. the clock of the labels' log at the label is not past the prediction's event time + `expires`, and
2. of the stream: the stream's clock before the prediction is not past the label's event time + `wait`;
   over REST: the prediction was appended no later than `REST_WAIT` after the label, by the broker's clock (and
   REST clients had begun to ask before the stream was done with the label).

All clocks are functions of their own log. The first rule bounds how long a prediction waits, the second how
long a label does: once the clock of the *other* log is past its bound, no later record there can meet it,
and it is let go. A label may meet several predictions (champion and challenger).

A window of labels is therefore over twice, once for each source, and each is written when its time has come. An event
that the stream has answered too is the stream's: it counts once (as in the training table).

Of the labels that meet a prediction the one observed last counts, whatever their order in the log; of two that
were observed at the same time, the first. A correction counts in the window of its own offset: there it adds the
difference to the label that counted until then, so that the sums of all windows are those of the newest labels.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from heapq import heappop, heappush

from tidemill_learning.drift.labels.label_window import (
    REST,
    SOURCES,
    STREAM,
    Label,
    LabelWindow,
    Met,
    Prediction,
    Source,
)
from tidemill_learning.drift.profiling.clocks import PredictionClocks
from tidemill_learning.drift.profiling.windows import NEVER

MAX_WAITING = 100_000
"""Predictions of a partition and a source that wait for labels. Beyond it the oldest are let go: outside the rule."""

MAX_LABELS = 50_000
"""Labels of a partition in open windows. Beyond it the labels' log is not read on until predictions catch up."""

REST_WAIT = 5_000
"""Milliseconds by which a REST prediction may be appended after its label: the log of REST predictions gathers for a
moment, and who has the answer may know the truth at once.
"""

SILENCE = 3_600_000
"""Milliseconds (by the broker's clock) without a prediction of the stream, while REST clients ask, after which labels
wait for the stream no longer: there is none, or it stands still. What it predicts of them later is outside the rule.
"""


class LabelJoin:
    """The join of one partition's labels and predictions by event id, within bounds of event time.

    `expires`: how long a prediction waits for its label, `wait`: how long a label does for a prediction of the stream,
    both in milliseconds. `windows`: those that are open, by number. `unlabelled`, `unmatched`: predictions and labels
    that were let go alone, `delays`: of predictions that got their first label, milliseconds from the event until its
    outcome was observed; all since whoever counts them has emptied them. A window join with a bound on either side:
    Kang, Naughton, Viglas: Evaluating Window Joins over Unbounded Streams, ICDE 2003.

    >>> join = LabelJoin(expires=86_400_000, wait=3_600_000)
    >>> join.add_prediction("e1", Prediction(
    ...     offset=0, source="stream", event_time=0, clock_before=0, appended=5, version=1, arm="", output=0.75))
    >>> join.add_label(join.window(0, until=0, appended=905), "e1", Label(
    ...     offset=0, event_time=0, clock=900, observed_at=900, said_at=900, appended=905, label=True))
    >>> [(met.label, met.output) for met in join.windows[0].of("stream")[1, ""]]
    [(True, 0.75)]
    """

    def __init__(self, expires: int, wait: int) -> None:
        self._expires = expires
        self._wait = wait
        self._predictions: dict[str, list[Prediction]] = {}
        self._order: Mapping[Source, deque[tuple[str, Prediction]]] = {source: deque() for source in SOURCES}
        self._labels: dict[str, list[tuple[LabelWindow, Label]]] = {}
        self._labelled: list[tuple[int, int, Prediction]] = []
        self.windows: dict[int, LabelWindow] = {}
        self.unlabelled: Counter[Source] = Counter()
        self.delays: Mapping[Source, list[int]] = {source: [] for source in SOURCES}
        self.unmatched = 0

    @property
    def waiting_predictions(self) -> int:
        """Predictions that may still get a label."""
        return sum(map(len, self._order.values()))

    @property
    def open_labels(self) -> int:
        """Labels in windows that are not closed."""
        return sum(len(window.event_ids) for window in self.windows.values())

    def add_prediction(self, event_id: str, prediction: Prediction) -> None:
        """A prediction; offsets ascend."""
        known = self._predictions.get(event_id)
        if known is None:
            self._predictions[event_id] = [prediction]
        else:
            known.append(prediction)
        order = self._order[prediction.source]
        order.append((event_id, prediction))
        for window, label in self._labels.get(event_id, ()):
            self._meet(event_id, window, label, prediction)
        if len(order) > MAX_WAITING:
            self._let_go(prediction.source)

    def window(self, number: int, until: int, appended: int, written: frozenset[Source] = frozenset()) -> LabelWindow:
        """The open window of this number, into which labels come that are about times up to `until` and were appended
        up to `appended`. `written`: the sources for which its profile is out already.
        """
        window = self.windows.get(number)
        if window is None:
            window = self.windows[number] = LabelWindow(number, written)
        window.until, window.appended = max(window.until, until), max(window.appended, appended)
        return window

    def add_label(self, window: LabelWindow, event_id: str, label: Label) -> None:
        """A label of a window; offsets ascend."""
        window.event_ids.append(event_id)
        known = self._labels.get(event_id)
        if known is None:
            self._labels[event_id] = [(window, label)]
        else:
            known.append((window, label))
        for prediction in self._predictions.get(event_id, ()):
            self._meet(event_id, window, label, prediction)

    def expire(self, labels_clock: int) -> None:
        """Let predictions go that no later label can meet."""
        for source, order in self._order.items():
            gone_before = labels_clock - self._expires
            while order and order[0][1].event_time < gone_before:
                self._let_go(source)

    def close(self, source: Source, first_open: int, clocks: PredictionClocks) -> list[LabelWindow]:
        """Windows before `first_open` whose labels no later prediction of the source can meet, in order."""
        closed = []
        for number in sorted(self.windows):
            window = self.windows[number]
            if source not in window.awaits:
                continue
            if number >= first_open or not self._is_over(source, window, clocks):
                break
            window.awaits.discard(source)
            if source not in window.written:
                closed.append(window)
        return closed

    def forget(self) -> None:
        """Forget the windows that are over for all sources. Call when what was closed is written down."""
        for number in [number for number, window in self.windows.items() if not window.awaits]:
            self._forget(self.windows.pop(number))

    def needed_prediction(self) -> int | None:
        """The lowest offset of a prediction that must be read again to rebuild this state."""
        needed = [order[0][1].offset for order in self._order.values() if order]
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

    def _is_over(self, source: Source, window: LabelWindow, clocks: PredictionClocks) -> bool:
        if source == REST:
            window.asked = window.until + self._wait >= min(clocks.stream.clock, clocks.began)
            return not window.asked or window.appended + REST_WAIT < clocks.passed
        if window.until + self._wait < clocks.stream.clock:
            return True
        silent_since = max(window.appended, clocks.streamed)
        if self.open_labels < MAX_LABELS:
            return silent_since + SILENCE < clocks.appended
        return silent_since + REST_WAIT < (clocks.passed if clocks.streamed == NEVER else clocks.appended)

    def _meet(self, event_id: str, window: LabelWindow, label: Label, prediction: Prediction) -> None:
        prompt = prediction.appended <= label.appended + REST_WAIT
        streamed = prediction.source == STREAM
        in_time = prediction.clock_before <= label.event_time + self._wait if streamed else prompt
        if not in_time or label.clock > prediction.event_time + self._expires:
            return
        window.matched.add(label.offset)
        before = prediction.counted
        if before is not None and label.said_at <= prediction.counted_said_at:
            return
        if before is None:
            prediction.first_label = label.offset
            self.delays[prediction.source].append(max(0, label.observed_at - prediction.event_time))
            heappush(self._labelled, (label.offset, prediction.offset, prediction))
        met = Met(
            label.offset, prediction.offset, label.label, prediction.output, label.observed_at, prediction.rivals,
            event_id, prompt, decided=prediction.decided,
        )  # fmt: skip
        self._count(window, label, prediction, met)

    @staticmethod
    def _count(window: LabelWindow, label: Label, prediction: Prediction, met: Met) -> None:
        """From now on this label counts for the prediction, instead of the one before."""
        before = prediction.counted
        if before is not None and prediction.counted_in == window.number:
            met.corrects, met.before = before.corrects, before.before
        elif before is not None:
            met.corrects, met.before = True, before.label
        group = prediction.source, prediction.version, prediction.arm
        counted = window.met.get(group)
        if counted is None:
            counted = window.met[group] = {}
        counted[prediction.offset] = met
        prediction.counted, prediction.counted_said_at, prediction.counted_in = met, label.said_at, window.number
        if window.first_prediction is None or prediction.offset < window.first_prediction:
            window.first_prediction = prediction.offset
        if window.first_label is None or prediction.first_label < window.first_label:
            window.first_label = prediction.first_label
        if prediction.context is not None:
            window.extent.link([prediction.context])

    def _let_go(self, source: Source) -> None:
        event_id, prediction = self._order[source].popleft()
        prediction.gone = True
        if prediction.counted is None:
            self.unlabelled[source] += 1
        known = self._predictions[event_id]
        if len(known) == 1:
            del self._predictions[event_id]
        else:
            self._predictions[event_id] = [other for other in known if other is not prediction]

    def _forget(self, window: LabelWindow) -> None:
        if not window.written:
            self.unmatched += len(window.event_ids) - len(window.matched)
        for event_id in window.event_ids:
            known = self._labels.pop(event_id, ())
            rest = [one for one in known if one[0] is not window]
            if rest:
                self._labels[event_id] = rest
