"""What calibrated probabilities promise comes true; what labels alone can tell does not show in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tidemill.stats.confidence import bin_middles, expected_accuracy, expected_roc_auc
from tidemill.stats.score_bins import BINS, bin_counts, probability_bins


def test_the_middle_of_a_bin_lies_in_it() -> None:
    assert probability_bins(bin_middles()).tolist() == list(range(BINS))


@pytest.mark.parametrize("shape", [(1.0, 1.0), (0.3, 0.9), (2.0, 20.0)])
def test_a_calibrated_models_accuracy_and_ranking_are_known_before_any_label(shape: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(*shape, 40_000)
    labels = rng.random(len(p)) < p
    counts = bin_counts(p)
    assert expected_accuracy(counts) == pytest.approx(np.mean((p >= 0.5) == labels), abs=0.01)
    assert expected_roc_auc(counts) == pytest.approx(roc_auc_score(labels, p), abs=0.015)


@given(st.lists(st.integers(0, 50), min_size=BINS, max_size=BINS))
def test_what_is_promised_is_between_chance_and_certainty(counts: list[int]) -> None:
    held = np.array(counts)
    accuracy, auc = expected_accuracy(held), expected_roc_auc(held)
    if not sum(counts):
        assert accuracy is None and auc is None
    else:
        assert accuracy is not None and 0.5 <= accuracy <= 1.0
        assert auc is not None and 0.5 - 1e-9 <= auc <= 1.0
