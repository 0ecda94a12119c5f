"""The work of every server: from a payment as JSON gave it to a probability, as one would write it by hand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import onnxruntime as ort

NUMBERS = ("amount", "balance", "distance", "card_age", "tries", "velocity", "merchant_risk", "hold")
NAN = float("nan")


class Scorer:
    """One graph on one thread."""

    def __init__(self, path: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, payment: dict[str, Any]) -> float:
        """The probability of one payment; it was made now where it says no time."""
        (scores,) = self._session.run(["probabilities"], self._inputs(payment))
        return float(scores[0][1])

    def _inputs(self, payment: dict[str, Any]) -> dict[str, Any]:
        found = {name: payment.get(name) for name in NUMBERS}
        inputs: dict[str, Any] = {
            name: np.array([[NAN if value is None else value]], dtype=np.float64) for name, value in found.items()
        }
        inputs["channel"] = np.array([[payment.get("channel") or ""]], dtype=object)
        inputs["at_hour"] = np.array([[time.gmtime().tm_hour]], dtype=np.float64)
        return inputs
