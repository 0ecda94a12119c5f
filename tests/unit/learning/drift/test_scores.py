"""Bins of log-odds, and AUC from bins."""

from __future__ import annotations

import numpy as np
import pytest

from tidemill.stats.roc_auc import roc_auc, roc_auc_error
from tidemill.stats.score_bins import BINS, bin_counts, bin_ends, probability_bins


def test_auc_from_bins_is_the_auc_of_the_scores() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(2, 8, 4_000)
    truth = rng.random(4_000) < scores
    ranks = np.argsort(np.argsort(scores)) + 1
    n1, n0 = truth.sum(), (~truth).sum()
    exact = (ranks[truth].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
    assert roc_auc(bin_counts(scores[truth]), bin_counts(scores[~truth])) == pytest.approx(exact, abs=2e-3)


def test_rare_events_are_seen_as_sharply_as_common_ones() -> None:
    assert len(np.unique(probability_bins(np.geomspace(0.001, 0.01, 50)))) > 20


def test_certain_scores_fall_into_the_outer_bins() -> None:
    assert probability_bins(np.array([0.0, 1.0])).tolist() == [0, BINS - 1]


def test_a_probability_lies_below_the_end_of_its_bin() -> None:
    scores = np.linspace(0.001, 0.999, 500)
    ends = bin_ends(probability_bins(scores))
    assert (scores <= ends + 1e-12).all()
    assert (np.diff(ends) >= 0).all()


def test_one_class_has_no_auc() -> None:
    assert roc_auc(bin_counts(np.array([0.5])), bin_counts(np.array([]))) is None
    assert roc_auc_error(0.7, 0, 10) == 1.0


def test_the_error_of_an_auc_is_what_repeated_samples_show() -> None:
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(200):
        ones, zeros = rng.normal(0.5, 1, 200), rng.normal(0, 1, 600)
        squash = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
        areas.append(roc_auc(bin_counts(squash(ones)), bin_counts(squash(zeros))) or 0.0)
    assert roc_auc_error(float(np.mean(areas)), 200, 600) == pytest.approx(np.std(areas), rel=0.2)
