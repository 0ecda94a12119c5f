"""Figures that the demo counts beside its proof. Pure."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_operations.audit.ledger import Tally


def at_most_once(ids: pa.ChunkedArray) -> Tally:
    """How many event ids stand there more than once (each repeat counts)."""
    return Tally(duplicated=len(ids) - int(pc.count_distinct(ids, mode="all").as_py()))


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve: the Mann-Whitney U statistic over its maximum, ties counted by half; None
    with one class only.

    `truth` bool [n], `scores` float64 [n].
    """
    positives = int(np.count_nonzero(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))
