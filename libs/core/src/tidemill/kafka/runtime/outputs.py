"""A transaction's outputs, made piece by piece: the first are on their way to the brokers while the next are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from tidemill.kafka import metrics
from tidemill.kafka.batch import Batch, Output

__all__ = ["Making", "in_pieces"]

PIECE = 5_000
"""Records: large enough for columns to pay, small enough that sending begins early."""


class Making:
    """Runs `process` over the batches while its outputs are taken. `written`: records taken so far by topic.

    `before` runs first; `around` gives a context for the work (a span).
    """

    def __init__(
        self,
        process: Callable[[list[Batch]], list[Output]],
        batches: list[Batch],
        *,
        before: Callable[[], None] | None = None,
        around: Callable[[list[Batch]], AbstractContextManager[object]] | None = None,
    ) -> None:
        self._process = process
        self._before = before
        self._around = around
        self.batches = batches
        self.written: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Output]:
        if self._before is not None:
            self._before()
        with self._around(self.batches) if self._around is not None else nullcontext():
            for piece in in_pieces(self.batches, PIECE):
                with metrics.processing(), metrics.stage("process"):
                    outputs = self._process(piece)
                for output in outputs:
                    self.written[output.topic] += len(output)
                    yield output


def in_pieces(batches: list[Batch], size: int) -> Iterator[list[Batch]]:
    """The same records in the same order in groups of about `size`: large batches cut, small ones together."""
    group: list[Batch] = []
    for batch in batches:
        for start in range(0, len(batch), size):
            piece = batch if len(batch) <= size else batch.part(start, start + size)
            group.append(piece)
            if sum(map(len, group)) >= size:
                yield group
                group = []
    if group:
        yield group
