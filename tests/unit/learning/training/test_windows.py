"""Of which rows a model learns: more of them unless fewer are shown to be better, and then as many of the newest."""

from __future__ import annotations

import numpy as np

from tests.unit.learning.examples import MINUTE, START
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.learners import Fitted, fit
from tidemill_learning.training.split import TemporalSplit
from tidemill_learning.training.windows import best_window, newest_of

SPECS = (InputSpec("x", "number"),)


def rows(first: int, count: int, *, since: int = 0, noise: float = 0.1) -> Examples:
    """`count` rows from number `first` on; the label follows `x`, and before row `since` its opposite."""
    random = np.random.default_rng(first)
    x, number = random.normal(size=count), np.arange(first, first + count)
    target = ((x > 0) ^ (number < since) ^ (random.random(count) < noise)).astype(bool)
    time = START + number * MINUTE
    return Examples({"x": x.reshape(-1, 1)}, target, time, time, np.arange(count))


def fitting(part: Examples) -> Fitted:
    return fit("logistic_regression", {"C": 1.0}, "binary", SPECS, part, None, 7)


def test_of_windows_that_cannot_be_told_apart_the_one_with_more_rows_is_taken() -> None:
    before, parts = rows(0, 2_000), TemporalSplit(rows(2_000, 300), rows(2_300, 60), rows(2_360, 60))
    window = best_window(fitting(parts.fit), before, parts, fitting, "rows since the change")
    assert (window.name, len(window.rows)) == ("all rows", 2_300)


def test_rows_of_another_world_are_left_out_though_few_are_left() -> None:
    before = rows(0, 2_000, since=2_000)
    parts = TemporalSplit(rows(2_000, 175), rows(2_175, 38), rows(2_213, 37))
    window = best_window(fitting(parts.fit), before, parts, fitting, "rows since the change")
    assert (window.name, len(window.rows)) == ("rows since the change", 175)


def test_the_newest_rows_stay_as_many_when_later_ones_come() -> None:
    none = rows(0, 10).take(np.array([], dtype=np.int64))
    parts = TemporalSplit(rows(0, 4_000, since=2_900), rows(4_000, 600), rows(4_600, 600))
    window = best_window(fitting(parts.fit), none, parts, fitting, "all rows")
    assert (window.name, len(window.rows)) == ("the newest rows", 1_000)
    reached = window.reaching(parts.fit.followed_by(parts.tune).followed_by(parts.test))
    assert len(reached) == 1_000 and reached.event_time.min() == START + 4_200 * MINUTE


def test_the_newest_of_some_rows_are_so_by_their_events() -> None:
    mixed = rows(0, 100).take(np.random.default_rng(1).permutation(100))
    assert sorted((newest_of(mixed, 30).event_time - START) // MINUTE) == list(range(70, 100))
    assert len(newest_of(mixed, 1_000)) == 100
