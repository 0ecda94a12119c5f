"""Pushes one file: chunk by chunk, each acknowledged by the broker before it is recorded as done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from tidemill.kafka.headers import TRACEPARENT, Headers
from tidemill.telemetry.traceparent import new_traceparent
from tidemill_cli.push.checkpoint import Checkpoint, Progress
from tidemill_cli.push.reading import Chunk, RowError
from tidemill_cli.push.records import RecordMaker
from tidemill_cli.push.sending import Sender


class ErrorReport:
    """Rows that were not sent, one JSON object a line; no file where there are none."""

    def __init__(self, path: Path, fresh: bool) -> None:
        self.path = path
        if fresh:
            path.unlink(missing_ok=True)

    def add(self, errors: Iterable[RowError]) -> None:
        """Appends errors in the order of their lines."""
        ordered = sorted(errors, key=lambda error: error.line)
        if not ordered:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(error), ensure_ascii=False) + "\n" for error in ordered)


class Throttle:
    """Holds back so that no more than `rate` rows a second go out; no limit where it is None."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._start = clock()
        self._rows = 0

    def wait_s(self, rows: int) -> float:
        """How long to wait, in seconds, before the next rows after these `rows`."""
        self._rows += rows
        if self._rate is None:
            return 0.0
        return max(0.0, self._start + self._rows / self._rate - self._clock())


def push(
    chunks: Iterable[Chunk],
    maker: RecordMaker,
    sender: Sender,
    topic: str,
    checkpoint: Checkpoint,
    report: ErrorReport,
    throttle: Throttle,
    trace_ratio: float,
    advanced: Callable[[Progress], None],
) -> Progress:
    """Sends what is not settled yet and returns the final progress.

    After each chunk: sent, acknowledged, errors reported, then recorded. So a push that is broken off repeats
    at most one chunk, whose rows carry the same event ids. Raises NotDelivered where the broker refuses or is
    away; what was settled stays recorded.
    """
    progress = checkpoint.load()
    row = 0
    for chunk in chunks:
        row += chunk.rows
        if row <= progress.rows:
            continue
        encoded = maker.encode(chunk, row - chunk.rows)
        headers: list[Headers | None] = [[(TRACEPARENT, new_traceparent(trace_ratio))] for _ in encoded.values]
        sender.send(topic, encoded.keys, encoded.values, headers)
        sender.flush()
        report.add(encoded.errors)
        bad = len({error.line for error in encoded.errors})
        progress = Progress(row, progress.sent + len(encoded.values), progress.errors + bad)
        checkpoint.save(progress)
        advanced(progress)
        time.sleep(throttle.wait_s(len(encoded.values)))
    progress = Progress(progress.rows, progress.sent, progress.errors, done=True)
    checkpoint.save(progress)
    return progress
