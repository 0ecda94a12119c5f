"""Sums of errors in ordered buckets."""

from __future__ import annotations

import numpy as np
import pytest

from tidemill_learning.drift.labels import error_bins


def test_buckets_hold_a_hundred_labels_in_their_order_and_the_rest() -> None:
    outcomes = error_bins.binary([True] * 150 + [False] * 100, [0.5] * 250, list(range(250)))
    buckets = error_bins.buckets(outcomes)
    assert [bucket.count for bucket in buckets] == [100, 100, 50]
    assert [bucket.outcome for bucket in buckets] == [100.0, 50.0, 0.0]
    assert [bucket.until for bucket in buckets] == [99, 199, 249]


def test_the_standardised_sums_of_a_calibrated_model_have_mean_zero_and_variance_one() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(2, 6, 100_000)
    outcomes = error_bins.binary((rng.random(100_000) < scores).tolist(), scores.tolist(), [0] * 100_000)
    buckets = error_bins.buckets(outcomes)
    z = np.array([(b.outcome - b.expected) / b.variance**0.5 for b in buckets])
    s = np.array([b.spiegelhalter / b.spiegelhalter_variance**0.5 for b in buckets])
    for statistic in (z, s):
        assert statistic.mean() == pytest.approx(0, abs=0.12)
        assert statistic.std() == pytest.approx(1, abs=0.08)


def test_a_binary_answer_is_wrong_by_the_label_that_it_gave_and_by_one_half_where_it_gave_none() -> None:
    labels, scores = [True, True, False, False], [0.3, 0.3, 0.3, 0.7]
    (at_one_half,) = error_bins.buckets(error_bins.binary(labels, scores, [0] * 4))
    (decided,) = error_bins.buckets(error_bins.binary(labels, scores, [0] * 4, [True, None, True, False]))
    assert (at_one_half.wrong, decided.wrong) == (3, 2)
    assert decided.squared == at_one_half.squared


def test_multiclass_judges_the_class_that_was_predicted() -> None:
    given = [("a", {"a": 0.7, "b": 0.3}), ("b", {"a": 0.2, "b": 0.8})]
    (bucket,) = error_bins.buckets(error_bins.multiclass(["a", "a"], given, [1, 2]))
    assert (bucket.outcome, bucket.expected, bucket.wrong) == (1.0, pytest.approx(1.5), 1)
    assert bucket.log_loss == pytest.approx(-np.log(0.7) - np.log(0.2))


def test_a_class_that_the_model_does_not_know_costs_a_finite_log_loss() -> None:
    (bucket,) = error_bins.buckets(error_bins.multiclass(["z"], [("a", {"a": 1.0})], [1]))
    assert np.isfinite(bucket.log_loss)


def test_regression_claims_no_spread() -> None:
    (bucket,) = error_bins.buckets(error_bins.regression([1.0, 2.0], [1.5, 1.0], [1, 2]))
    assert (bucket.variance, bucket.spiegelhalter, bucket.log_loss) == (0.0, 0.0, 0.0)
    assert bucket.squared == pytest.approx(1.25)
    assert bucket.absolute == pytest.approx(1.5)
