"""The work of stream inference, written as one would by hand: fastavro, ONNX Runtime, one record at a time.

Used by all rivals. Imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import onnxruntime as ort

from benchmarks.rivals.payment import decode

NUMBERS = ("amount", "balance", "distance", "card_age", "tries", "velocity", "merchant_risk", "hold")
PREDICTION: Any = fastavro.parse_schema(
    json.loads((Path(__file__).parents[2] / "schemas" / "prediction-binary.avsc").read_text())
)
FRAME = b"\xc3\x01" + bytes(8)


class Scorer:
    """One graph on one thread."""

    def __init__(self, path: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def predict(self, value: bytes, partition: int, offset: int) -> bytes:
        """The framed prediction for one framed record."""
        row = decode(value)
        (scores,) = self._session.run(["probabilities"], self._inputs(row))
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, PREDICTION, self._datum(row, float(scores[0][1]), partition, offset))
        return FRAME + stream.getvalue()

    def _inputs(self, row: dict[str, Any]) -> dict[str, Any]:
        inputs: dict[str, Any] = {
            name: np.array([[np.nan if row[name] is None else row[name]]], dtype=np.float64) for name in NUMBERS
        }
        inputs["channel"] = np.array([[row["channel"] or ""]], dtype=object)
        inputs["at_hour"] = np.array([[row["at"].hour]], dtype=np.float64)
        return inputs

    def _datum(self, row: dict[str, Any], score: float, partition: int, offset: int) -> dict[str, Any]:
        return {
            "prediction_id": str(uuid.uuid4()),
            "event_id": row["event_id"],
            "model": "payments",
            "source": "stream",
            "event_time": row["at"],
            "predicted_at": int(time.time() * 1000),
            "version": 1,
            "epoch": 1,
            "arm": "champion",
            "probability": score,
            "input_partition": partition,
            "input_offset": offset,
            "input": None,
        }
