"""Evidence that may be looked at at any time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_learning.release.evalues import MeanAbove, MeanBelow, rate_above

PROOF = math.log(20)
values = st.lists(st.floats(-1, 1), min_size=1, max_size=60)


def ever(path: list[float]) -> bool:
    return max(path) >= PROOF


def test_a_fair_coin_is_called_unfair_by_at_most_one_looker_in_twenty_however_often_they_look() -> None:
    false = 0
    for seed in range(400):
        rng, evidence = np.random.default_rng(seed), MeanBelow()
        path = []
        for _ in range(100):
            evidence.add(rng.choice([-1.0, 1.0], 20))
            path.append(evidence.log_evidence)
        false += ever(path)
    assert false <= 400 * 0.05


def test_a_rate_at_its_limit_is_called_higher_by_at_most_one_looker_in_twenty() -> None:
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(400):
        hits = np.cumsum(rng.binomial(50, 0.01, 100))
        false += ever([rate_above(0.01, 50 * (k + 1), int(hits[k])) for k in range(100)])
    assert false <= 400 * 0.05


def test_a_mean_below_the_level_is_proven_and_one_above_is_not() -> None:
    below, above = MeanBelow(), MeanAbove()
    for evidence in (below, above):
        evidence.add(np.full(200, -0.1))
    assert below.log_evidence > PROOF > above.log_evidence
    margin = MeanAbove(-0.2)
    margin.add(np.full(400, -0.1))
    assert margin.log_evidence > PROOF


@given(values, st.randoms())
def test_evidence_does_not_depend_on_the_order_in_which_values_are_added(found: list[float], random: object) -> None:
    one, other = MeanBelow(-0.02), MeanBelow(-0.02)
    one.add(found)
    shuffled = sorted(found, key=lambda _: random.random())  # type: ignore[attr-defined]
    for value in shuffled:
        other.add([value])
    assert one.log_evidence == pytest.approx(other.log_evidence)


@given(values)
def test_evidence_is_finite_whatever_comes(found: list[float]) -> None:
    for evidence in (MeanBelow(), MeanBelow(-0.5), MeanAbove(), MeanAbove(-0.5)):
        evidence.add(found)
        assert math.isfinite(evidence.log_evidence)


def test_without_values_there_is_no_evidence() -> None:
    assert MeanBelow().log_evidence == MeanAbove().log_evidence == 0.0
    assert rate_above(0.001, 0, 0) == pytest.approx(0.0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        MeanBelow().add([1.5])
    with pytest.raises(ValueError, match="outside"):
        MeanAbove().add([float("nan")])
    with pytest.raises(ValueError, match="level"):
        MeanAbove(0.5)
    with pytest.raises(ValueError, match="level"):
        MeanBelow(0.5)
    with pytest.raises(ValueError, match="cannot be"):
        rate_above(0.1, 3, 4)
    with pytest.raises(ValueError, match="between"):
        rate_above(0.0, 3, 1)


REFERENCE = json.loads(Path(__file__).with_name("evalue_reference.json").read_text())


def test_bets_on_means_come_out_as_in_the_package_expectation() -> None:
    """How the reference was made: evalue_reference.py."""
    for case in REFERENCE["means"]:
        for ours, name in ((MeanAbove(), "above"), (MeanBelow(), "below")):
            ours.add(case["values"])
            each = np.array(case[name])
            assert ours.log_evidence == pytest.approx(math.log(np.exp(each).mean()), abs=1e-9)


def test_evidence_on_a_rate_comes_out_as_in_the_package_expectation() -> None:
    for case in REFERENCE["rates"]:
        ours = rate_above(case["limit"], case["trials"], case["hits"])
        assert ours == pytest.approx(case["log"], abs=1e-9)
