"""The streams of the backtest's benchmark are what their names say, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.cases.backtest import backtest
from benchmarks.harness.sizes import QUICK
from benchmarks.streams.catalog import STREAMS
from benchmarks.streams.generated import DELAY_ROWS, STEP_MS, Rows, gradual, spec_of, table_of

from tidemill_learning.backtest.stream import Stream


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_stream_is_the_same_every_time_and_can_be_played(name: str) -> None:
    one, other = STREAMS[name](400), STREAMS[name](400)
    assert np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)
    assert len(one) == 400 and len(np.unique(one.y)) > 1
    stream = Stream.of(spec_of(name, one), table_of(one))
    assert (stream.observed_at - stream.event_time == DELAY_ROWS * STEP_MS).all()
    assert stream.task == ("multiclass" if name == "led_abrupt" else "binary")


def test_a_gradual_change_is_half_done_in_the_middle() -> None:
    def rows(label: int) -> list[tuple[dict[str, float], int]]:
        return [({"x": 0.0}, label)] * 10_000

    mixed: Rows = gradual(rows(0), rows(1), 10_000, 2_000, seed=1)
    assert mixed.y[:3_000].mean() < 0.05 and mixed.y[-3_000:].mean() > 0.95
    assert 0.4 < mixed.y[4_800:5_200].mean() < 0.6


def test_the_benchmark_holds_every_figure_against_its_bound() -> None:
    result = backtest(QUICK)
    assert 0.5 < result.ours < 1.0
    assert [goal.what for goal in result.goals] == [
        "most fits on a stream",
        "mean ahead of best schedule",
        "sea_abrupt: behind the better",
    ]
    assert result.runs[0]["fits"] >= 1 and {"mean best schedule", "mean never"} <= set(result.figures)
