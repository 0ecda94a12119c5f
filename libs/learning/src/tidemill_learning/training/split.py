"""Split by time, with a gap for labels that come late.

A random split would let a model see tomorrow's weather while it is judged on today. Rows are cut by event
time, and a part may only hold labels that were known before the next part begins (purging; López de Prado,
Advances in Financial Machine Learning, 2018, chapter 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.training.examples import Examples
from tidemill_learning.training.texts import distinct

OTHERS_WANTED = 10
"""Rows of other classes than the most frequent one, without which a part tells nothing of how they are told apart."""

WIDEST = 50
"""Percent of the rows beyond which no part grows in search of them."""


SHORT = "the rows span less time than labels take: no gap was left for labels between the parts"


@dataclass(frozen=True, slots=True)
class TemporalSplit:
    """Three parts, oldest to newest: to fit, to tune (choose, stop early), to test (never fitted on). `note` says for
    people where a part was made larger than was asked.
    """

    fit: Examples
    tune: Examples
    test: Examples
    note: str = ""


def known_at(examples: Examples, cut_off_ms: int, delay_ms: int = 0) -> Examples:
    """The rows whose label was observed by `cut_off_ms` and whose event lies at least `delay_ms` before it.

    The gap matters: among the newest events only those whose labels come early have one, which is a biased
    sample.
    """
    keep = (examples.observed_at <= cut_off_ms) & (examples.event_time <= cut_off_ms - delay_ms)
    return examples.take(np.flatnonzero(keep))


def temporal_split(examples: Examples, percent: tuple[int, int, int]) -> TemporalSplit:
    """Cut into fit / tune / test by event time; rows of equal time stay together.

    Where the target is a class and the rows of tune or test are of one class, that part begins earlier, so that it
    holds others too (`OTHERS_WANTED` of them, or what there is within `WIDEST` percent of the rows).

    Guarantees: no event of a part is later than one of the next part; no label of a part was observed after the first
    event of the next part, unless the rows span so little time that this would take more than half of a part (`note`
    says so). Raises `ValueError` where a part would be empty.
    """
    if sum(percent) != 100 or min(percent) <= 0:
        raise ValueError(f"split {percent} does not add up to 100 in three parts")
    order = np.argsort(examples.event_time, kind="stable")
    time = examples.event_time[order]
    codes = _class_codes(examples)
    codes = codes[order] if codes is not None else None
    asked = _boundary(time, percent[0] + percent[1])
    second = _with_others(time, codes, asked, len(time))
    first = (
        _boundary(time, percent[0])
        if second == asked
        else _boundary(time[:second], 100 * percent[0] // (percent[0] + percent[1]))
    )
    first = _with_others(time, codes, first, second)
    if not 0 < first < second < len(time):
        raise ValueError(f"{len(time)} labelled rows are too few, or too equal in time, for three parts")
    fit, fit_whole = _purged(examples, order[:first], int(time[first]))
    tune, tune_whole = _purged(examples, order[first:second], int(time[second]))
    notes = [
        "" if second == asked else _widened(len(time), asked, second),
        SHORT if fit_whole or tune_whole else "",
    ]
    return TemporalSplit(
        fit=examples.take(fit),
        tune=examples.take(tune),
        test=examples.take(order[second:]),
        note="; ".join(filter(None, notes)),
    )


def _class_codes(examples: Examples) -> NDArray[np.int64] | None:
    if examples.target.dtype.kind == "f":
        return None
    if examples.target.dtype.kind in "ib":
        return examples.target.astype(np.int64)
    return distinct(examples.target)[1]


def _with_others(time: NDArray[np.int64], codes: NDArray[np.int64] | None, begin: int, end: int) -> int:
    """Where the part that was to be `begin` to `end` begins so that it is not of one class; `begin` where no
    begin within reach helps.
    """
    if codes is None or _others(codes[begin:end]) >= OTHERS_WANTED:
        return begin
    earliest = end - end * WIDEST // 100
    found = begin
    for step in range(1, WIDEST + 1):
        at = int(np.searchsorted(time, time[max(0, begin - step * end // 100)], side="left"))
        if at < max(1, earliest):
            break
        others = _others(codes[at:end])
        if others > _others(codes[found:end]):
            found = at
        if others >= OTHERS_WANTED:
            break
    return found


def _others(codes: NDArray[np.int64]) -> int:
    return len(codes) - int(np.bincount(codes).max()) if len(codes) else 0


def _widened(count: int, asked: int, second: int) -> str:
    newest, taken = 100 * (count - asked) / count, 100 * (count - second) / count
    return f"the newest {newest:.0f} % of the rows are nearly all of one class: judged on the newest {taken:.0f} %"


def _boundary(time: NDArray[np.int64], percent: int) -> int:
    """Position of the first row of the next part: no row of the same time lies before it."""
    wanted = min(len(time) - 1, len(time) * percent // 100)
    return int(np.searchsorted(time, time[wanted], side="left"))


def _purged(examples: Examples, rows: NDArray[np.int64], next_begins: int) -> tuple[NDArray[np.int64], bool]:
    """The rows whose label was known when the next part begins; all of them, and True, where those are less than half:
    the rows span less time than labels take. A row tells nothing of a later row's label but by what they share in time,
    and a model that waited for a longer span would answer wrongly for all of it.
    """
    known = rows[examples.observed_at[rows] <= next_begins]
    return (rows, True) if 2 * len(known) < len(rows) else (known, False)
