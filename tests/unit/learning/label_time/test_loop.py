"""Label time: a change is found and placed, fits follow it, a better version takes over and a worse one never does."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.fit_schedule import Budget, FitSchedule
from tidemill_learning.label_time.loop import Answers, Changed, Decision, FitDue, LabelledRows, LabelTime
from tidemill_learning.label_time.pool import Pool, Takeover

BUDGET = Budget()

Model = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Feature and event time to P(positive): a version for tests, which knows one concept."""


class Stream:
    """`x` uniform in [0, 1]; the label is `x > 0.5`, turned round after `change`, and wrong in one case of ten."""

    def __init__(self, rows: int, change: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.random(rows)
        self.time = np.arange(rows, dtype=np.int64) * 1_000
        clean = (self.x > 0.5) ^ (np.arange(rows) >= change)
        self.y = (clean ^ (rng.random(rows) < 0.1)).astype(np.int64)


def straight(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0.5, 0.9, 0.1)


def turned(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0.5, 0.1, 0.9)


def play(
    stream: Stream, cuts: list[int], *, restart: bool = False, since_change: bool = True, budget: Budget = BUDGET
) -> tuple[list[Decision], LabelTime]:
    """All labels in batches that end at `cuts`; a fit gives the version that knows the concept of the newest row."""
    loop, models, said = LabelTime("binary", 1_000, budget), {}, []
    for begin, end in zip([0, *cuts], [*cuts, len(stream.x)], strict=True):
        at = begin
        while at < end:
            rows = LabelledRows(
                stream.y[at:end],
                stream.time[at:end] + 500,
                [Place(int(t), "clean", 0, int(t)) for t in stream.time[at:end]],
            )
            answers = {v: Answers(models[v](stream.x[at:end])) for v in loop.versions}
            taken, decisions = loop.learn(rows, answers)
            said += decisions
            at += taken
            if loop.awaits:
                version = len(models) + 1
                models[version] = turned if loop.change is not None and since_change else straight
                took = loop.fitted(version)
                said += [took] if took else []
            if restart:
                loop = LabelTime("binary", 1_000, budget, json.loads(json.dumps(loop.to_state())))
    return said, loop


def test_a_change_is_found_soon_placed_exactly_and_answered() -> None:
    said, loop = play(Stream(8_000, 4_000), [2_000, 3_999, 5_000])
    (alarm,) = (d for d in said if isinstance(d, Changed))
    assert alarm.label - 4_000 < 100
    assert abs(alarm.change.event_time - 4_000_000) <= 10_000
    assert alarm.change.earliest <= alarm.change.event_time <= alarm.change.latest
    assert alarm.change.offsets == (("clean", 0, alarm.change.event_time),)
    fits = [(d.cause, d.rows) for d in said if isinstance(d, FitDue)]
    assert fits[:4] == [("first_data", 1_000), ("growth", 2_000), ("growth", 4_000), ("quality", 250)]
    assert all(cause == "growth" and rows >= 1_000 for cause, rows in fits[4:]), "a budget that is spent makes it wait"
    last = [d for d in said if isinstance(d, Takeover)][-1]
    assert last.over is not None and last.labels < 100, "the turned world needs few labels"
    assert 4_000 < last.label < 8_000, "the label that decided, by its number"
    assert loop.champion == last.version


def test_where_nothing_changes_nothing_is_swapped_and_no_alarm_is_raised() -> None:
    said, loop = play(Stream(20_000, 20_000), [1_000 * k for k in range(1, 20)])
    assert [type(d).__name__ for d in said if not isinstance(d, FitDue)] == ["Takeover"], "the first version alone"
    assert loop.champion == 1


def test_a_change_within_the_cooldown_is_answered_at_its_end_if_it_lasts() -> None:
    stream = Stream(7_000, 3_000)
    stream.y[4_000:] = np.random.default_rng(3).integers(0, 2, 3_000)  # nobody can tell any more
    for cooldown, wait in ((0, 100), (2_000_000, 1_100)):
        said, _ = play(stream, [], budget=Budget(cooldown_ms=cooldown))
        first, second = (d for d in said if isinstance(d, Changed))
        assert first.label < 3_100 and 4_000 < second.label <= 4_000 + wait, cooldown
        assert abs(second.change.event_time - 4_000_000) <= 40_000, "it says when it was, not when it was answered"


def test_what_has_passed_by_the_end_of_the_cooldown_is_noise() -> None:
    stream = Stream(6_000, 3_000)
    stream.y[4_000:] = 1 - stream.y[4_000:]
    alarms = {
        cooldown: [
            d.label // 1_000 for d in play(stream, [], budget=Budget(cooldown_ms=cooldown))[0] if isinstance(d, Changed)
        ]
        for cooldown in (0, 500_000, 2_000_000)
    }
    assert alarms == {0: [3, 4], 500_000: [3, 4], 2_000_000: [3]}


def test_a_version_of_an_earlier_concept_comes_back_with_it() -> None:
    stream = Stream(12_000, 4_000)
    again = Stream(4_000, 4_000, seed=2)
    stream.x[8_000:], stream.y[8_000:] = again.x, again.y
    said, loop = play(stream, [6_000, 9_000])
    back = [d for d in said if isinstance(d, Takeover)][-1]
    assert loop.versions.index(back.version) < len(loop.versions) - 1
    assert back.labels <= 60, "it comes back on a few labels, before any fit could follow"


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.integers(1, 2_999), min_size=0, max_size=8, unique=True), st.booleans(), st.sampled_from([0, 500_000])
)
def test_neither_batches_nor_restarts_change_what_is_decided(cuts: list[int], restart: bool, cooldown: int) -> None:
    stream = Stream(3_000, 2_200)
    stream.y[2_400:] = 1 - stream.y[2_400:]
    budget = Budget(cooldown_ms=cooldown)
    assert play(stream, sorted(cuts), restart=restart, budget=budget)[0] == play(stream, [], budget=budget)[0]


def test_a_fit_that_gave_nothing_is_due_again_with_a_quarter_more_rows() -> None:
    loop, stream = LabelTime("binary", 1_000, Budget()), Stream(3_000, 3_000)
    rows = LabelledRows(stream.y, stream.time, [Place(int(t)) for t in stream.time])
    taken, (due,) = loop.learn(rows, {})
    assert isinstance(due, FitDue) and (taken, due.rows, due.cause) == (1_000, 1_000, "first_data")
    with pytest.raises(ValueError, match="a fit or a mixture is due"):
        loop.learn(rows, {})
    loop.unfitted()
    rest = LabelledRows(stream.y[taken:], stream.time[taken:], [Place(int(t)) for t in stream.time[taken:]])
    taken, (due,) = loop.learn(rest, {})
    assert isinstance(due, FitDue) and due.rows == 1_250


def test_a_budget_of_one_fit_is_not_spent_by_a_first_one_that_gave_nothing() -> None:
    schedule = FitSchedule(1_000, Budget(1, 1_000_000))
    for rows in (1_000, 1_250, 1_562):
        assert schedule.due(rows)
        schedule.fitted(rows)
        schedule.failed(rows)
    schedule.fitted(2_000)
    schedule.made()
    assert not schedule.due(4_000)


def test_versions_that_spells_favour_in_turn_do_not_swap_with_every_spell() -> None:
    """Two versions, of which each is better in every second spell of 600 labels, and no change that could be found."""
    pool = Pool()
    pool.add(1, 0)
    pool.add(2, 0)

    def swaps(gain_of_two: float) -> bool:
        (other,) = (v for v in pool.versions if v != pool.champion)
        return pool.learn({other: np.array([gain_of_two if other == 2 else -gain_of_two])}) is not None

    spells = np.tile(np.repeat([0.05, -0.05], 600), 100)
    assert sum(swaps(float(gain)) for gain in spells) <= 6, "200 spells"
    pool.changed()
    (other,) = (v for v in pool.versions if v != pool.champion)
    assert pool.enough_at({other: np.full(60, 0.4)}) is not None, "after a change the usual evidence is enough"


def test_a_budget_of_one_fit_is_spent_by_the_first_version() -> None:
    said, loop = play(Stream(8_000, 4_000), [], budget=Budget(1, 1_000_000))
    assert [d.cause for d in said if isinstance(d, FitDue)] == ["first_data"]
    assert any(isinstance(d, Changed) for d in said), "it goes on to watch"
    assert loop.unanswered and loop.held_back and loop.fits_left < 1, "and says that nothing follows"


def test_a_change_that_was_answered_is_not_said_to_be_unanswered() -> None:
    said, loop = play(Stream(8_000, 4_000), [])
    assert any(isinstance(d, Changed) for d in said) and not loop.unanswered
    _, calm = play(Stream(1_500, 1_500), [])
    assert not calm.unanswered and not calm.held_back and calm.fits_left > 1
