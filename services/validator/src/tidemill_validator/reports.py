"""Quality reports: what a batch looked like, per partition, in counts that add up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tidemill.contracts.events import ExpectationResult, QualityReport
from tidemill_validator.judge import Failed

Column = npt.NDArray[np.int64]


def quality_reports(
    model: str,
    topic: str,
    partitions: Column,
    offsets: Column,
    timestamps_ms: Column,
    dead: Column,
    failed: Iterable[Failed],
) -> list[QualityReport]:
    """One report for each partition of a batch, ascending.

    `partitions`, `offsets`, `timestamps_ms`: int64 [records]; `dead`: positions of the dead. A report depends
    on its records alone: `at` is the broker's time of the last of them, so that a batch judged again gives
    the same report.
    """
    failures = list(failed)
    return [
        QualityReport(
            report_id=f"{topic}/{partition}/{offsets[mine].min()}",
            model=model,
            topic=topic,
            partition=partition,
            first_offset=int(offsets[mine].min()),
            last_offset=int(offsets[mine].max()),
            rows=len(mine),
            clean=len(mine) - dead_here,
            dead=dead_here,
            expectations=_results(failures, partitions, partition),
            at=int(timestamps_ms[mine].max()),
        )
        for partition in np.unique(partitions).tolist()
        for mine in (np.flatnonzero(partitions == partition),)
        for dead_here in (int(np.count_nonzero(partitions[dead] == partition)),)
    ]


def _results(failures: list[Failed], partitions: Column, partition: int) -> tuple[ExpectationResult, ...]:
    counted = [
        (failure, int(np.count_nonzero(partitions[failure.positions] == partition))) for failure in failures
    ]
    return tuple(
        ExpectationResult(expectation=failure.name, column=failure.column, failed=count)
        for failure, count in counted
        if count
    )
