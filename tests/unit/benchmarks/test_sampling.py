from __future__ import annotations

import pytest
from benchmarks.harness.sampling import in_models


def test_memory_is_counted_in_models_above_the_process_without_one() -> None:
    found = in_models(100.0, 20.0, [(300.0, 180.0), (250.0, 190.0), (300.0, 185.0)])
    assert found["model MB"] == 100
    assert found["first load's peak MB"] == 200
    assert found["during"] == pytest.approx(2.0)
    assert found["after"] == pytest.approx(0.9)


def test_a_trend_is_what_a_straight_line_rises_from_the_first_swap_to_the_last() -> None:
    growing = [(0.0, 180.0), *((0.0, 180.0 + 2 * k) for k in range(6))]
    assert in_models(100.0, 20.0, growing)["rise"] == pytest.approx(0.1)
    assert in_models(100.0, 20.0, [(0.0, 180.0), (0.0, 170.0), (0.0, 170.0)])["rise"] == pytest.approx(0.0)
