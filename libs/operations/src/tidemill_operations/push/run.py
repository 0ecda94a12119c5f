"""Pushes one file: chunk by chunk, each acknowledged by the broker before it is recorded as done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tidemill_operations.push.checkpoint import Checkpoint, Progress
from tidemill_operations.push.files.reading import Chunk, RowError
from tidemill_operations.push.records import Encoded, RecordMaker
from tidemill_operations.push.sending import Sender, TooLarge
from tidemill_operations.push.tracing import Tracing

SLICE_S = 0.1
"""A limited push goes out in slices of so many seconds: not all at once and then nothing."""


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
    """Holds back so that no more than `rate` rows a second go out; no limit where it is None. Time that passed without
    rows is not made up for.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._next = clock()

    def most(self, rows: int) -> int:
        """How many of `rows` rows may go out at once: a tenth of a second's, and at least one."""
        return rows if self._rate is None else min(rows, max(1, int(self._rate * SLICE_S)))

    def wait_s(self, rows: int) -> float:
        """How long to wait, in seconds, before these `rows` go out."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        begin = max(self._next, now)
        self._next = begin + rows / self._rate
        return begin - now


def push(
    chunks: Iterable[Chunk],
    maker: RecordMaker,
    sender: Sender,
    topic: str,
    checkpoint: Checkpoint,
    report: ErrorReport,
    throttle: Throttle,
    tracing: Tracing,
    advanced: Callable[[Progress], None],
    how: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Progress:
    """Sends what is not settled yet and returns the final progress.

    After each part of a chunk: sent, acknowledged, recorded; after the last one errors are reported. So a push that is
    broken off repeats at most one part, whose rows carry the same event ids. Raises NotDelivered where the broker
    refuses or is away; what was settled stays recorded. `how`: the choices by which the file is read; a chunk that was
    begun by others begins again.
    """
    progress = checkpoint.load()
    if progress.how != how and progress.within:
        progress = replace(progress, sent=progress.sent - progress.within, within=0)
    row = 0
    for chunk in chunks:
        row += chunk.rows
        if row <= progress.rows:
            continue
        encoded = maker.encode(chunk, row - chunk.rows)
        for first, behind in _parts(progress.within, len(encoded.values), throttle):
            sleep(throttle.wait_s(behind - first))
            refused = _deliver(sender, topic, encoded, range(first, behind), tracing)
            report.add(refused)
            sent, errors = progress.sent + behind - first - len(refused), progress.errors + len(refused)
            progress = Progress(progress.rows, sent, errors, within=behind, how=how)
            checkpoint.save(progress)
        report.add(encoded.errors)
        bad = len({error.line for error in encoded.errors})
        progress = Progress(row, progress.sent, progress.errors + bad)
        checkpoint.save(progress)
        advanced(progress)
    progress = Progress(progress.rows, progress.sent, progress.errors, done=True)
    checkpoint.save(progress)
    return progress


def _deliver(sender: Sender, topic: str, encoded: Encoded, part: range, tracing: Tracing) -> list[RowError]:
    """Sends records and waits for them. A broker refuses a record that is too large with its whole batch: each of those
    is sent once more by itself, and what is too large even so is an error of its row.
    """

    def send(places: Sequence[int]) -> None:
        values = [encoded.values[place] for place in places]
        with tracing.sending(len(values)) as headers:
            sender.send(topic, [encoded.keys[place] for place in places], values, headers)
            sender.flush()

    try:
        send(part)
    except TooLarge as error:
        again = [place for place in part if encoded.values[place] in error.values]
    else:
        return []
    refused = []
    for place in again:
        try:
            send([place])
        except TooLarge:
            reason = (
                f"is a record of {len(encoded.values[place]):,} bytes, more than the topic takes (max.message.bytes)"
            )
            refused.append(RowError(encoded.lines[place], None, reason))
    return refused


def _parts(first: int, count: int, throttle: Throttle) -> Iterator[tuple[int, int]]:
    """From where to where the records of a chunk go out at once."""
    while first < count:
        behind = first + throttle.most(count - first)
        yield first, behind
        first = behind
