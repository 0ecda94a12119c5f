"""Quality reports: what a batch looked like, per partition, in counts and summaries that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tidemill.contracts.events import ExpectationResult, QualityReport
from tidemill_validator.judge import Failed

Column = npt.NDArray[np.int64]
EXAMPLES = 3
COLUMNS_A_PART = 32
"""Column summaries in one record: each takes at most about 14 KiB, and topics bound a record."""


def quality_reports(
    model: str,
    topic: str,
    partitions: Column,
    offsets: Column,
    timestamps_ms: Column,
    dead: Column,
    failed: Iterable[Failed],
    newest: Mapping[int, int],
) -> list[QualityReport]:
    """One report for each partition of a batch, ascending, without its windows.

    `partitions`, `offsets`, `timestamps_ms`: int64 [records]; `dead`: positions of the dead; `newest`: greatest
    event time of the clean rows by partition. A report depends on its records alone: `at` is the broker's time
    of the last of them, so that a batch judged again gives the same report.
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
            expectations=_results(failures, partitions, offsets, partition),
            newest_event=newest.get(partition),
            at=int(timestamps_ms[mine].max()),
        )
        for partition in np.unique(partitions).tolist()
        for mine in (np.flatnonzero(partitions == partition),)
        for dead_here in (int(np.count_nonzero(partitions[dead] == partition)),)
    ]


def in_parts(report: QualityReport, windows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The data of a report with its windows, in as many parts as fit into records; the first counts the rows."""
    parts: list[list[Mapping[str, Any]]] = [[]]
    taken = 0
    for window in windows:
        size = 1 + len(window["columns"])
        if taken and taken + size > COLUMNS_A_PART:
            parts.append([])
            taken = 0
        parts[-1].append(window)
        taken += size
    whole = report.to_dict()
    rest = {**whole, "rows": 0, "clean": 0, "dead": 0, "expectations": []}
    return [
        {**whole, "windows": part} if n == 0 else {**rest, "report_id": f"{report.report_id}/{n}", "windows": part}
        for n, part in enumerate(parts)
    ]


def _results(
    failures: list[Failed], partitions: Column, offsets: Column, partition: int
) -> tuple[ExpectationResult, ...]:
    found = []
    for failure in failures:
        mine = failure.positions[partitions[failure.positions] == partition]
        if len(mine):
            found.append(
                ExpectationResult(
                    expectation=failure.name,
                    column=failure.column,
                    failed=len(mine),
                    arguments=failure.arguments,
                    severity=failure.severity,
                    examples=tuple(offsets[mine[:EXAMPLES]].tolist()),
                )
            )
    return tuple(found)
