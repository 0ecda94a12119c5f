"""What the demo counts beside its proof."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill_flights.proof.accounting import at_most_once, roc_auc
from tidemill_operations.audit.ledger import Tally


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
