"""A stream is played again: nobody is answered by what came later, and the same stream gives the same result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.backtest.one_feature import BEGIN, MINUTE, MS, fits, learn, spec, stream, table
from tidemill_learning.backtest.fitting import Fits, Made, Order
from tidemill_learning.backtest.playing import Played
from tidemill_learning.backtest.run import Backtest, backtest
from tidemill_learning.backtest.schedule import Schedule, never, schedules
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import Budget


def silent(*said: object) -> None:
    """For who wants no progress."""


def tidemill(at_once: int = 512) -> Tidemill:
    return Tidemill("Tidemill", 400, Budget(), fits(), at_once)


def told(played: Played) -> tuple[object, ...]:
    """All but the seconds."""
    return (
        np.nan_to_num(played.scores, nan=-1.0).tolist(),
        [replace(fit, seconds=0.0) for fit in played.fits],
        list(played.alarms),
        list(played.releases),
    )


def test_a_change_is_found_answered_and_said() -> None:
    events = stream(6_000, (3_000,))
    played = tidemill().play(events, silent)
    (alarm,) = played.alarms
    assert abs(alarm.changed_ms - (BEGIN + 3_000 * MINUTE)) <= 20 * MINUTE
    assert alarm.earliest_ms <= alarm.changed_ms <= alarm.latest_ms < alarm.at_ms
    assert 50 <= alarm.rows < 150, "events from the change to its alarm, the labels' delay among them"
    assert alarm.at_ms == BEGIN + (alarm.labels - 1 + 50) * MINUTE
    assert [fit.cause for fit in played.fits] == ["first_data", "growth", "quality", "growth"]
    first, second = played.releases
    assert (first.version, first.labels) == (1, 400) and second.version == 3
    assert second.labels > alarm.labels and "version 1" in second.why


def test_a_model_file_that_wants_no_fits_for_quality_has_the_first_one_alone_and_is_told_of_changes() -> None:
    played = Tidemill("Tidemill", 400, Budget(), fits(), on_quality=False).play(stream(6_000, (3_000,)), silent)
    assert [fit.cause for fit in played.fits] == ["first_data"]
    assert len(played.releases) == 1 and len(played.alarms) >= 1


def test_an_event_is_answered_by_what_was_released_before_its_label_was_known() -> None:
    events = stream(6_000, (3_000,))
    played = tidemill().play(events, silent)
    _, second = played.releases
    assert not played.answered[:449].any() and played.answered[450:].all(), "400 labels are known 50 minutes later"
    right = (played.scores >= 0.5) == (events.target == 1)
    swapped = second.labels + 50
    assert right[450:3_000].mean() > 0.9 > 0.1 > right[3_000:swapped].mean()
    assert right[swapped:].mean() > 0.9


def test_no_event_is_answered_by_its_own_label_even_where_labels_come_at_once() -> None:
    rows = table(1_000, delay_rows=0)
    same_time = rows.column("_event_time").cast(pa.int64()).to_numpy() // (10 * MINUTE) * (10 * MINUTE)
    for name in ("_event_time", "_observed_at"):
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(same_time).cast(MS))
    events = Stream.of(spec(), rows)
    assert (events.known <= np.arange(1_000)).all()
    assert events.known.tolist() == list(range(1_000)), "the others before it, of one time by their ids, are known"


def test_a_label_that_came_before_its_event_counts_from_the_event_on() -> None:
    rows = table(100, delay_rows=-60)
    events = Stream.of(spec(), rows)
    assert events.observed_at.tolist() == events.event_time.tolist()


def test_labels_are_learned_in_the_order_in_which_they_came() -> None:
    rows = table(300)
    late = rows.column("_observed_at").cast(pa.int64()).to_numpy().copy()
    late[::2] += 500 * MINUTE
    at = rows.schema.get_field_index("_observed_at")
    events = Stream.of(spec(), rows.set_column(at, "_observed_at", pa.array(late).cast(MS)))
    assert (np.diff(events.observed_at[events.order]) >= 0).all()
    assert events.order[:3].tolist() == [1, 3, 5]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 700))
def test_neither_the_order_of_the_rows_nor_the_batches_change_anything(seed: int, at_once: int) -> None:
    rows = table(2_500, (1_500,))
    shuffled = rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
    wanted = tidemill().play(Stream.of(spec(), rows), silent)
    assert told(tidemill(at_once).play(Stream.of(spec(), shuffled), silent)) == told(wanted)


def test_the_first_model_stays_for_ever_under_never() -> None:
    played = never(400, fits()).play(stream(2_000, (1_000,)), silent)
    assert [(one.version, one.labels) for one in played.releases] == [(1, 400)]
    assert [fit.cause for fit in played.fits] == ["first_data"]


def test_a_schedule_fits_every_so_many_labels_on_the_newest_rows() -> None:
    played = Schedule("every 500 on 300", 400, 500, 300, fits()).play(stream(2_000, (1_000,)), silent)
    assert [fit.labels for fit in played.fits] == [400, 900, 1_400, 1_900]
    assert [fit.rows for fit in played.fits] == [300] * 4
    assert [one.labels for one in played.releases] == [400, 900, 1_400, 1_900]


def test_a_first_fit_that_the_rows_do_not_allow_is_tried_again_with_a_quarter_more() -> None:
    def fussy(order: Order) -> Made:
        if order.labels < 500:
            raise ValueError("too few")
        return learn(order)

    for policy in (never(400, Fits(fussy, float)), Tidemill("Tidemill", 400, Budget(), Fits(fussy, float))):
        played = policy.play(stream(2_000), silent)
        assert [(fit.labels, fit.version, fit.note) for fit in played.fits[:2]] == [
            (400, None, "too few"),
            (500, 1, ""),
        ]


def compared(rows: int = 6_000) -> Backtest:
    makes = fits()
    policies = [tidemill(), never(400, makes)]
    return backtest(stream(rows, (3_000,)), policies, schedules(400, makes, (1_000, 2_000), (500, None)), silent)


def test_policies_are_scored_over_the_events_that_all_of_them_answered() -> None:
    found = compared()
    assert found.counted == 6_000 - 449 and found.rows == 6_000
    ours, nothing = found.outcomes
    assert (ours.name, nothing.name, found.measure) == ("Tidemill", "never", "accuracy")
    assert ours.score > 0.9 > 0.6 > nothing.score
    assert sum(point.rows for point in ours.curve) == found.counted
    weighted = sum(point.value * point.rows for point in ours.curve) / found.counted
    assert weighted == pytest.approx(ours.score)
    assert ours.metrics["accuracy"] == ours.score and "roc_auc" in ours.metrics


def test_the_best_of_the_fixed_schedules_is_taken_afterwards() -> None:
    found = compared()
    assert found.best_schedule is not None
    assert found.best_schedule.score == max(one.score for one in found.grid)
    assert found.best_schedule.name == "every 1,000 on 500"
    assert [one.name for one in found.ranked] == ["Tidemill", "every 1,000 on 500", "never"]


def test_a_fit_that_stood_before_is_not_made_again_and_costs_what_it_did() -> None:
    made: list[int] = []

    def counting(order: Order) -> Made:
        made.append(order.labels)
        return learn(order)

    ticks = iter(range(1_000_000))
    makes = Fits(counting, lambda: float(next(ticks)))
    events = stream(2_000)
    one = never(400, makes).play(events, silent)
    other = Schedule("every 1,000 on all", 400, 1_000, None, makes).play(events, silent)
    assert made == [400, 1_400]
    assert one.fits[0].seconds == other.fits[0].seconds == 1.0


def test_a_stream_with_too_few_rows_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"training\.first_after"):
        backtest(stream(300), [tidemill()], [], silent)
