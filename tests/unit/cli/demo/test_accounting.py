"""Exactly once is counted, whatever the order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_cli.demo.accounting import Tally, at_most_once, exactly_once, roc_auc, since, size, union


def at(**partitions: list[int]) -> dict[int, np.ndarray]:
    return {int(name[1:]): np.array(offsets, dtype=np.int64) for name, offsets in partitions.items()}


def test_everything_met_once_in_any_order_is_exactly_once() -> None:
    assert exactly_once(at(p0=[0, 1, 2], p1=[0]), at(p1=[0], p0=[2, 0, 1])) == Tally(0, 0)


def test_what_is_not_met_is_missing() -> None:
    assert exactly_once(at(p0=[0, 1, 2], p1=[5]), at(p0=[0, 2])) == Tally(missing=2)


def test_what_is_met_again_is_duplicated() -> None:
    assert exactly_once(at(p0=[0, 1]), at(p0=[0, 1, 1, 1])) == Tally(duplicated=2)


def test_what_should_not_be_there_counts_as_too_much() -> None:
    assert exactly_once(at(p0=[0]), at(p0=[0, 9], p3=[1])) == Tally(duplicated=2)


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_missing_and_duplicated_agree_with_counting_by_hand(expected: list[int], got: list[int]) -> None:
    tally = exactly_once(at(p0=expected), at(p0=got))
    wanted = set(expected)
    assert tally.missing == len(wanted - set(got))
    assert tally.duplicated == len(got) - len(wanted & set(got))


def test_only_positions_from_the_start_offsets_on_are_expected() -> None:
    assert since(at(p0=[1, 2, 3], p1=[0, 9]), [3, 1]) == {0: np.array([3]), 1: np.array([9])}


def test_a_union_keeps_repeats() -> None:
    both = union(at(p0=[1]), at(p0=[1], p1=[2]))
    assert size(both) == 3


def test_each_repeat_of_an_event_id_counts() -> None:
    assert at_most_once(pa.chunked_array([["a", "b"], ["a", "a"]])) == Tally(duplicated=2)
    assert at_most_once(pa.chunked_array([], pa.string())) == Tally()


def test_roc_auc_of_a_perfect_a_reversed_and_a_constant_score() -> None:
    truth = np.array([False, False, True, True])
    assert roc_auc(truth, np.array([0.1, 0.2, 0.3, 0.4])) == 1.0
    assert roc_auc(truth, np.array([0.4, 0.3, 0.2, 0.1])) == 0.0
    assert roc_auc(truth, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert roc_auc(np.array([True, True]), np.array([0.1, 0.2])) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    high = [score for truth, score in rows if truth]
    low = [score for truth, score in rows if not truth]
    found = roc_auc(np.array([truth for truth, _ in rows]), np.array([float(score) for _, score in rows]))
    if not high or not low:
        assert found is None
        return
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in high for b in low]
    assert found == pytest.approx(sum(pairs) / len(pairs))
