"""The gate in label time: who is worse never takes over, who is as much better does, and two equals stay as they are.

Seeded simulations; each prints its counts (`pytest -s`).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_learning.label_time.contest import NEEDED, Contest
from tidemill_learning.label_time.losses import losses
from tidemill_learning.training.metrics import roc_auc

TRIALS = 100
LABELS = 30_000


def world(seed: int, positives: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Labels, and P(positive) of a model that knows the truth and of one that is 2 points of AUC worse, which is as
    honest: it knows the same signal behind more noise.
    """
    rng = np.random.default_rng(seed)
    signal, blur = rng.normal(size=LABELS), rng.normal(size=LABELS)
    base = np.log(positives / (1 - positives))
    truth = 1 / (1 + np.exp(-(base + 1.2 * signal)))
    y = (rng.random(LABELS) < truth).astype(np.int64)
    seen = 0.93 * signal + np.sqrt(1 - 0.93**2) * blur
    worse = 1 / (1 + np.exp(-(base * 0.985 + 1.2 * 0.93 * seen * 0.97)))
    points = 100 * (roc_auc(y == 1, truth) - roc_auc(y == 1, worse))  # type: ignore[operator]
    return y, truth, worse, points


def takes_over(y: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> int | None:
    gains = losses("binary", y, champion) - losses("binary", y, challenger)
    return Contest().enough_at(gains)


@pytest.mark.parametrize("positives", [0.5, 0.2])
def test_two_points_of_auc_decide_one_way_and_never_the_other(positives: float) -> None:
    worlds = [world(seed, positives) for seed in range(TRIALS)]
    assert 1.5 < float(np.mean([points for *_, points in worlds])) < 2.5
    wrong = sum(takes_over(y, truth, worse) is not None for y, truth, worse, _ in worlds)
    found = [takes_over(y, worse, truth) for y, truth, worse, _ in worlds]
    right = [at for at in found if at is not None]
    print(
        f"positives {positives:.0%}: worse takes over {wrong} of {TRIALS} (limit 0), "
        f"better {len(right)} (limit 95), after {int(np.median(right)):,} labels in the median"
    )
    assert wrong == 0
    assert len(right) >= 95


def test_two_that_are_equally_good_leave_each_other_be() -> None:
    swaps = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        signal = rng.normal(size=(LABELS, 3))
        truth = 1 / (1 + np.exp(-1.2 * signal[:, 0]))
        y = (rng.random(LABELS) < truth).astype(np.int64)
        one, other = (1 / (1 + np.exp(-1.1 * (0.95 * signal[:, 0] + 0.31 * signal[:, k]))) for k in (1, 2))
        swaps += takes_over(y, one, other) is not None
    print(f"equals that swap within {LABELS:,} labels: {swaps} of {TRIALS}")
    assert swaps <= 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200), st.integers(0, 200))
def test_evidence_does_not_depend_on_how_labels_are_cut(gains: list[float], cut: int) -> None:
    whole, cut_up = Contest(), Contest()
    values = np.array(gains)
    whole.add(values)
    cut_up.add(values[:cut])
    cut_up.add(values[cut:])
    assert cut_up.log_evidence == whole.log_evidence
    assert cut_up.labels == whole.labels


def test_what_was_lost_long_ago_does_not_weigh_on_a_version_whose_concept_comes_back() -> None:
    contest = Contest()
    contest.add(np.full(50_000, -0.3))
    assert contest.log_evidence == 0.0 and contest.labels == 0
    at = contest.enough_at(np.full(100, 0.4))
    assert at is not None and at < 40
    contest.add(np.full(at + 1, 0.4))
    assert contest.log_evidence >= NEEDED and contest.labels == at + 1
