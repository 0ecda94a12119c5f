"""BentoML as its documentation has it: a service with one worker and one API."""

from __future__ import annotations

import os
import sys
from typing import Any

import bentoml

from benchmarks.servers.raw import GRAPH
from benchmarks.servers.work import Scorer


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Payments:
    """One payment in, its probability out."""

    def __init__(self) -> None:
        self._score = Scorer(os.environ[GRAPH])

    @bentoml.api(route="/predict")
    def predict(self, payment: dict[str, Any]) -> dict[str, float]:
        """The probability of a fraud."""
        return {"probability": self._score(payment)}


if __name__ == "__main__":
    os.environ[GRAPH] = sys.argv[2]
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    command = [sys.executable, "-m", "bentoml", "serve", "benchmarks.servers.bentoml_app:Payments"]
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", sys.argv[1]])
