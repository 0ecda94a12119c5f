"""Area under the ROC curve, from the counts of two classes in bins of the score: such counts add up over partitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64] | NDArray[np.float64]
"""Of labels; or of labels that are expected, which are not whole.
"""


def roc_auc(positives: Counts, negatives: Counts) -> float | None:
    """Area under the ROC curve from class counts per bin, 0 to 1; None with one class only.

    Ties within a bin count half (Hanley, McNeil: Radiology 143, 1982).

    >>> roc_auc(np.array([0, 2, 8]), np.array([8, 2, 0]))
    0.98
    """
    n1, n0 = float(positives.sum()), float(negatives.sum())
    if n1 <= 0 or n0 <= 0:
        return None
    below = np.concatenate(([0], np.cumsum(negatives)[:-1]))
    return float((positives * (below + negatives / 2)).sum() / (n1 * n0))


def roc_auc_error(auc: float, n1: float, n0: float) -> float:
    """Standard error of an AUC (0 to 1) over n1 positives and n0 negatives (Hanley, McNeil: Radiology 143, 1982).

    >>> round(roc_auc_error(0.8, 50, 50), 3)
    0.045
    """
    if n1 < 1 or n0 < 1:
        return 1.0
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n1 - 1) * (q1 - auc**2) + (n0 - 1) * (q2 - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (n1 * n0)))
