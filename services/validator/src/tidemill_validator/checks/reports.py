"""Quality reports: what a batch looked like, per partition, in counts and summaries that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidemill.contracts.events.platform import ExpectationResult, QualityReport
from tidemill_validator.checks.partition_slices import Column, Coordinates, by_partition
from tidemill_validator.checks.row_checks import Failed

EXAMPLES = 3
COLUMNS_A_PART = 32
"""Column summaries in one record: each takes at most about 14 KiB, and topics bound a record."""


def quality_reports(
    model: str,
    topic: str,
    at: Coordinates,
    dead: Column,
    failed: Iterable[Failed],
    newest: Mapping[int, int],
) -> list[QualityReport]:
    """One report for each partition of a batch, ascending, without its windows.

    `dead`: positions of the dead, int64; `newest`: greatest event time of the clean rows by partition. A report
    depends on its records alone: `at` is the broker's time of the last of them, so that a batch judged again gives
    the same report.
    """
    found = _results(failed, at)
    died = Counter(at.partitions[dead].tolist())
    return [
        QualityReport(
            report_id=f"{topic}/{partition}/{offsets[0]}",
            model=model,
            topic=topic,
            partition=partition,
            first_offset=int(offsets[0]),
            last_offset=int(offsets[-1]),
            rows=len(offsets),
            clean=len(offsets) - died[partition],
            dead=died[partition],
            expectations=tuple(found.get(partition, ())),
            newest_event=newest.get(partition),
            at=int(at.timestamps_ms[mine].max()),
        )
        for partition, mine in by_partition(at.partitions)
        for offsets in (at.offsets[mine],)
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


def _results(failures: Iterable[Failed], at: Coordinates) -> dict[int, list[ExpectationResult]]:
    """What failed, by partition."""
    found: dict[int, list[ExpectationResult]] = {}
    for failure in failures:
        for partition, mine in by_partition(at.partitions[failure.positions]):
            positions = failure.positions[mine]
            result = ExpectationResult(
                expectation=failure.name,
                column=failure.column,
                failed=len(positions),
                arguments=failure.arguments,
                severity=failure.severity,
                examples=tuple(at.offsets[positions[:EXAMPLES]].tolist()),
            )
            found.setdefault(partition, []).append(result)
    return found
