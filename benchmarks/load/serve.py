"""What benchmarks ask of `serve` beside the load itself."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.events import MODEL
from benchmarks.harness.children import Child

READY_S = 60.0
POLL_S = 0.05
TIMEOUT_S = 10.0
NOT_SENT = ("event_id", "fraud")
"""The event id: so that each request is an event of its own. The label: nobody knows it yet."""


def predict_url(child: Child, model: str = MODEL) -> str:
    """Where single predictions are asked for."""
    return f"http://127.0.0.1:{child.port}/v1/models/{model}/predict"


def await_path(child: Child, path: str = "/health/ready") -> None:
    """Wait until a service answers a path well. Raises RuntimeError where it ends or takes too long."""
    deadline = time.monotonic() + READY_S
    while not _answers(child, path):
        child.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {path}: {child.log.read_text()[-2_000:]}")
        time.sleep(POLL_S)


def _answers(child: Child, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{child.port}{path}", timeout=TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError):
        return False


def described(child: Child, model: str = MODEL, key: str = "") -> dict[str, Any]:
    """`GET /v1/models/{model}`: what serves, and the history of its switches."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"http://127.0.0.1:{child.port}/v1/models/{model}", headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def write_bodies(path: Path, rows: pa.RecordBatch) -> Path:
    """One request's JSON a line: a row each, as a client would send it; what is null is left out."""
    with path.open("w") as file:
        for row in rows.to_pylist():
            row["at"] = row["at"].isoformat()
            sent = {name: value for name, value in row.items() if value is not None and name not in NOT_SENT}
            file.write(json.dumps(sent) + "\n")
    return path
