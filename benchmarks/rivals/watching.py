"""The work of drift's *profile*, written as one would by hand with river: one record at a time.

Used by all rivals, so that they differ in their runtime alone. Imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import fastavro
from river import drift, metrics, stats

HEADER = 10
ROLES = ("clean", "predictions", "labels")
WARM = 0.1
"""The share of the records after which time is taken."""


class Watch:
    """Mean, variance and ADWIN of every number, counts of every category, ADWIN of scores and of the errors of labels
    that met their prediction. `folder`: of the contract; its schemas say what is a number.
    """

    def __init__(self, folder: str, model: str) -> None:
        schemas = Path(folder) / "schemas"
        files = (f"models/{model}.avsc", "prediction-binary.avsc", "label-binary.avsc")
        texts = [json.loads((schemas / file).read_text()) for file in files]
        self._schemas: dict[str, Any] = dict(zip(ROLES, map(fastavro.parse_schema, texts), strict=True))
        kinds = {field["name"]: field["type"] for field in texts[0]["fields"]}
        self._numbers = [name for name, kind in kinds.items() if kind == ["null", "double"]]
        self._categories = {name: Counter[str]() for name, kind in kinds.items() if kind == ["null", "string"]}
        self._moments = {name: (stats.Mean(), stats.Var()) for name in self._numbers}
        self._shifts = {name: drift.ADWIN() for name in (*self._numbers, "score", "error")}
        self._waiting: dict[str, float] = {}
        self._loss = metrics.LogLoss()
        self.alarms = 0

    @property
    def waiting(self) -> int:
        """Predictions without a label."""
        return len(self._waiting)

    def take(self, role: str, value: bytes) -> None:
        """Take in a framed record of a role."""
        row: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), self._schemas[role], None)
        if role == "clean":
            self._features(row)
        elif role == "predictions":
            self._waiting[row["event_id"]] = row["probability"]
            self._update("score", row["probability"])
        elif (said := self._waiting.pop(row["event_id"], None)) is not None:
            self._loss.update(row["label"], said)
            self._update("error", abs(row["label"] - said))

    def _features(self, row: dict[str, Any]) -> None:
        for name in self._numbers:
            value = row[name]
            if value is not None:
                for moment in self._moments[name]:
                    moment.update(value)
                self._update(name, value)
        for name, counts in self._categories.items():
            if row[name] is not None:
                counts[row[name]] += 1

    def _update(self, name: str, value: float) -> None:
        detector = self._shifts[name]
        detector.update(value)
        self.alarms += detector.drift_detected


class Stopwatch:
    """Records a second of processor time, of `records` of all roles; said on stdout when all are there."""

    def __init__(self, records: int) -> None:
        self._records, self._seen, self._from = records, 0, (0, 0.0)

    def note(self) -> bool:
        """Count a record; whether it was the last."""
        self._seen += 1
        if self._seen == max(1, int(self._records * WARM)):
            self._from = self._seen, time.process_time()
        if self._seen < self._records:
            return False
        seen, since = self._from
        rate = (self._seen - seen) / max(1e-9, time.process_time() - since)
        print(json.dumps({"records_s": rate}), file=sys.__stdout__, flush=True)  # Faust takes sys.stdout for itself
        return True
