"""From the raw scores of a learner to the probabilities of its classes, and how these change with each raw score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

LOG_WEIGHTS, CLASS_WEIGHTS = "t.log_weights", "t.class_weights"
"""Constants by which our own graphs take out again what weights of classes have added."""

NODES = 16
WIDEST = 2.0
"""Raw scores that one panel of the integral along a way spans at most: log-odds change probabilities within some."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Link:
    """`odds`: raw scores are log-odds, and a softmax follows (of two classes a sigmoid); else they are probabilities.
    `shift`: what is taken off log-odds first; `weights`: what probabilities are divided by, None for neither. Raw
    scores are [T]: of every class, or T = 1 of the second one of two.
    """

    odds: bool
    shift: Floats | None = None
    weights: Floats | None = None

    @classmethod
    def of(cls, graph: onnx.GraphProto, *, odds: bool) -> Link:
        """As a graph of ours has it."""
        constants = {one.name: one for one in graph.initializer if one.name in (LOG_WEIGHTS, CLASS_WEIGHTS)}
        found = {name: numpy_helper.to_array(one).astype(np.float64).ravel() for name, one in constants.items()}
        return cls(odds, found.get(LOG_WEIGHTS), found.get(CLASS_WEIGHTS))

    def scores(self, raw: Floats) -> Floats:
        """Probabilities [K, C] by raw scores [K, T]."""
        wide = self._wide(raw)
        if self.odds:
            grown = np.exp(wide - wide.max(axis=1, keepdims=True))
            return np.asarray(grown / grown.sum(axis=1, keepdims=True))
        if self.weights is None:
            return wide
        parts = wide / self.weights
        return np.asarray(parts / parts.sum(axis=1, keepdims=True))

    def slopes(self, raw: Floats, own: int) -> Floats:
        """By how much the probability of class `own` grows with each raw score, [K, T]."""
        wide = self._wide(raw)
        same = np.zeros(wide.shape)
        same[:, own] = 1.0
        found = same
        if self.odds:
            shares = self.scores(raw)
            found = shares[:, own, None] * (same - shares)
        elif self.weights is not None:
            whole = (wide / self.weights).sum(axis=1, keepdims=True)
            found = (same - self.scores(raw)[:, own, None]) / (self.weights * whole)
        if raw.shape[1] == wide.shape[1]:
            return np.asarray(found)
        return np.asarray(found[:, 1:] if self.odds else found[:, 1:] - found[:, :1])

    def along(self, base: Floats, raw: Floats, own: int) -> Floats:
        """By how much the probability of class `own` grows with each raw score, on average over the straight way from
        `base` to `raw`, [T]: times their differences that adds up to what the probability gains.
        """
        panels = max(1, int(np.ceil(np.abs(raw - base).max() / WIDEST)))
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        places = ((np.arange(panels)[:, None] + (nodes + 1.0) / 2.0) / panels).ravel()
        found = self.slopes(base + places[:, None] * (raw - base), own)
        return np.asarray(np.tile(weights / 2.0, panels) @ found / panels)

    def _wide(self, raw: Floats) -> Floats:
        """Log-odds or shares of every class, [K, C]."""
        if raw.shape[1] > 1:
            return raw - self.shift if self.odds and self.shift is not None else raw
        second = raw - self.shift if self.odds and self.shift is not None else raw
        return np.hstack([np.zeros_like(second) if self.odds else 1.0 - second, second])
