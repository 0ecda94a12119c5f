"""What a cached score is keyed by, and how it is written: pure.

The key is the model's artifact (by version and the digest of its manifest) and the inputs of its graph:
two requests that differ in what the model does not look at share an entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidemill_inference.rest.dataplane import Prepared
from tidemill_inference.serving.serving import Predictions, Serving

SEPARATOR = b"\x1f"
DTYPE = np.dtype("<f8")


def cache_keys(prepared: Prepared) -> list[bytes]:
    """One key for each row: SHA-256 over version, digest and the canonical inputs, each with its length."""
    serving = prepared.serving
    start = f"{serving.event.model}/{serving.version}/{serving.event.champion.manifest_digest}".encode()
    columns = [_canonical(values) for _, values in sorted(prepared.champion_inputs.items())]
    return [hashlib.sha256(SEPARATOR.join((start, *row))).digest() for row in zip(*columns, strict=True)]


def written_scores(predictions: Predictions) -> list[bytes]:
    """The scores of each row as bytes."""
    return [np.ascontiguousarray(row, DTYPE).tobytes() for row in predictions.scores]


def read_scores(serving: Serving, values: Sequence[bytes]) -> Predictions | None:
    """Predictions of cached scores; None where one is not of the model's form, whoever wrote it."""
    classes = len(serving.classes) if serving.model.manifest.task == "multiclass" else 1
    if any(len(value) != classes * DTYPE.itemsize for value in values):
        return None
    scores = np.frombuffer(b"".join(values), DTYPE).astype(np.float64)
    return Predictions(serving, scores.reshape(-1, classes) if serving.model.manifest.task == "multiclass" else scores)


def _canonical(values: np.ndarray[Any, Any]) -> list[bytes]:
    """Text as UTF-8, numbers as their 64-bit floats; every NaN is one, and so is zero of either sign. With the length
    before it, no value runs into the next.
    """
    if values.dtype == object:
        texts = [str(value).encode() for value in values.ravel()]
    else:
        numbers = values.ravel().astype("<f8") + 0.0
        numbers[np.isnan(numbers)] = np.nan
        texts = [number.tobytes() for number in numbers]
    return [len(text).to_bytes(4, "little") + text for text in texts]
