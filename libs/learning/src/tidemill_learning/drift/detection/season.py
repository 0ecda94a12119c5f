"""What is usual at that hour of the week: weekends, nights and Mondays are no drift.

A training reference is one mix of all hours. A window of Sunday looks like another world beside it, every Sunday. So a
window is also held against what was seen at the same hours of earlier weeks (a seasonal comparison, as in seasonal
naive forecasts: Hyndman, Athanasopoulos: Forecasting, 2021, ch. 5), and the whole week against the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.drift.detection.evidence import merged
from tidemill_learning.drift.detection.ordering import Item
from tidemill_learning.drift.detection.shift_detectors import LEAST_VALUES, Kind, shift
from tidemill_learning.drift.profiling.baseline import Comparison

HOUR_MS = 3_600_000
HOURS = 168
DAY_MS = 24 * HOUR_MS
WEEK_MS = HOURS * HOUR_MS

SHORT_MS = 2 * HOUR_MS
"""Windows that are no longer lie within the hours that are told apart."""

FORGETS = 0.5
"""What is left of a week's counts when the same hour of the next one is added."""

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 24)
"""Hours of the week that may be counted together."""

MOST_NUMBERS = 40_000
"""Counts that are remembered, roughly: where there are many features, hours are counted together."""

STEPS = 60
"""Of expectation maximisation: a mixture need not be exact."""

Floats = NDArray[np.float64]


class Season:
    """Counts of features or scores by hour of the week (UTC), in the bins of one version's reference.

    Windows that differ from what is usual are not taken in: a change stays one until there is another version. `state`:
    what `to_state` gave, plain JSON.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._length = int(state.get("length", 0))
        self._since: int | None = state.get("since")
        self._until: int | None = state.get("until")
        self._row: list[Item] = list(state.get("row", []))
        self._slots: dict[str, dict[str, Any]] = {slot: dict(known) for slot, known in state.get("slots", {}).items()}

    def to_state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "length": self._length, "since": self._since, "until": self._until, "slots": self._slots, "row": self._row,
        }  # fmt: skip

    def beyond(self, kind: Kind, group: Sequence[Item], *, aligned: bool) -> set[str]:
        """Which detectors of which subjects (`psi/distance`) find a merged window unlike the same hours of earlier
        weeks, or find the whole week unlike the reference; takes the window in if it is usual.

        A window of a week or more holds all hours: the reference alone is good for it. `aligned`: windows begin at the
        same hours every week. Long ones that do not may hold a night, or a Sunday, that no window before held alone:
        they are unlike only if several in a row are, a day of them together.
        """
        found, (started, ended) = merged(group), _span(group)
        if ended - started >= WEEK_MS:
            return {_name(one) for name, now in found.items() for one in shift(kind, name, now) if one.alarm}
        unlike = self._unlike(kind, found, started, ended)
        if unlike:
            return unlike if aligned or ended - started <= SHORT_MS else self._in_a_row(kind, group)
        whole = self._whole_week(kind, found)
        for item in (*self._row, *group):
            self._take(item)
        self._row = []
        return whole

    def _in_a_row(self, kind: Kind, group: Sequence[Item]) -> set[str]:
        self._row += group
        while len(self._row) > len(group) and _span(self._row[1:])[1] - _span(self._row[1:])[0] >= DAY_MS:
            self._row.pop(0)
        started, ended = _span(self._row)
        if len(self._row) == len(group) or ended - started < DAY_MS:
            return set()
        return self._unlike(kind, merged(self._row), started, ended)

    def _unlike(self, kind: Kind, found: Mapping[str, Comparison], started: int, ended: int) -> set[str]:
        """Against the likeliest mixture of the same hours of earlier weeks, and of those around them: a window that
        lies a little otherwise in the week holds the same hours in another mixture. Nothing where they have not been
        seen.
        """
        around = ended - started + 1
        known = [slot for slot, _, _ in self._parts(started, ended)]
        near = [slot for slot, _, _ in self._parts(started - around, ended + around)]
        unlike: set[str] = set()
        for name, now in found.items():
            if sum(float(counts.sum()) for counts in self._counts(known, name)) >= LEAST_VALUES:
                usual = _likeliest(np.array([now.nulls, *now.observed]), np.array(self._counts(near, name)))
                unlike |= {_name(one) for one in shift(kind, name, _against(now, usual)) if one.alarm}
        return unlike

    def _whole_week(self, kind: Kind, found: Mapping[str, Comparison]) -> set[str]:
        """The sum of all hours against the reference, once a week has been seen."""
        if self._since is None or self._until is None or self._until - self._since < WEEK_MS:
            return set()
        beyond: set[str] = set()
        for name, now in found.items():
            week = sum(
                (np.array(known["counts"][name]) for known in self._slots.values() if name in known["counts"]),
                np.zeros(len(now.observed) + 1),
            )
            beyond |= {_name(one) for one in shift(kind, name, _as_window(now, week)) if one.alarm}
        return beyond

    def _counts(self, slots: Sequence[int], name: str) -> list[Floats]:
        """Nulls and values by bin of each of these slots that has been seen, each slot once."""
        found = (self._slots.get(str(slot), {}).get("counts", {}).get(name) for slot in dict.fromkeys(slots))
        return [np.array(counts) for counts in found if counts is not None]

    def _take(self, item: Item) -> None:
        if not self._length:
            numbers = sum(len(one["observed"]) + 1 for one in item["content"].values())
            self._length = next((n for n in LENGTHS if HOURS // n * numbers <= MOST_NUMBERS), LENGTHS[-1])
        self._since = min(item["started_at"], self._since if self._since is not None else item["started_at"])
        self._until = max(item["ended_at"], self._until if self._until is not None else item["ended_at"])
        parts = list(self._parts(item["started_at"], item["ended_at"]))
        whole = sum(share for _, _, share in parts)
        for slot, week, share in parts:
            known = self._slots.setdefault(str(slot), {"week": week, "counts": {}})
            fades = FORGETS if week > known["week"] else 1.0
            known["week"] = max(week, known["week"])
            for name, one in item["content"].items():
                before = np.array(known["counts"].get(name, [0.0])) * fades
                added = np.array([one["nulls"], *one["observed"]]) * share / whole
                known["counts"][name] = np.round(before + added, 2).tolist()

    def _parts(self, started: int, ended: int) -> Iterator[tuple[int, int, float]]:
        """Slot of the week, number of the week, and how much of the slot's time lies between both (included)."""
        length = (self._length or 1) * HOUR_MS
        for number in range(started // length, ended // length + 1):
            overlap = min(ended + 1, (number + 1) * length) - max(started, number * length)
            yield number % (WEEK_MS // length), number * length // WEEK_MS, overlap / length


def _likeliest(now: Floats, counts: Floats) -> Floats:
    """The mixture of rows of `counts`, shape [slots, bins], of which `now`, shape [bins], is the likeliest sample, as
    counts; by expectation maximisation (Dempster, Laird, Rubin: JRSS B 39, 1977).
    """
    totals = counts.sum(axis=1)
    shares = (counts + 0.5 / counts.shape[1]) / (totals + 0.5)[:, None]
    weights = totals / totals.sum()
    for _ in range(STEPS):
        weights = weights * (shares @ (now / (weights @ shares)))
        weights /= weights.sum()
    rests_on = float(totals[weights > 1 / (4 * len(totals))].sum())
    return np.asarray((weights @ (counts / np.maximum(totals, 1e-9)[:, None])) * rests_on)


def _span(group: Sequence[Item]) -> tuple[int, int]:
    return min(item["started_at"] for item in group), max(item["ended_at"] for item in group)


def _name(result: Any) -> str:
    return f"{result.detector}/{result.subject}"


def _against(now: Comparison, usual: Floats) -> Comparison:
    """A window against counts (nulls, then by bin) of which it should be a sample."""
    total = float(usual[1:].sum())
    shares = usual[1:] / total if total else np.zeros(len(now.observed))
    count = round(total + usual[0])
    return Comparison(now.observed, shares * now.count, now.nulls, float(usual[0]) / max(1, count), count)


def _as_window(now: Comparison, week: Floats) -> Comparison:
    """The counts of a week in place of a window's, against what the window is held against."""
    expected = now.expected / max(1, now.count) * float(week[1:].sum())
    return Comparison(week[1:], expected, round(float(week[0])), now.reference_nulls, now.reference_count)
