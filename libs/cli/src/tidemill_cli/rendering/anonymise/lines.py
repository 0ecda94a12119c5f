"""What an anonymised copy came to, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidemill_operations.anonymise.report import NOT_PROMISED

if TYPE_CHECKING:
    from tidemill_operations.anonymise.report import Counts, FieldReport, Report


def lines_of(report: Report) -> Iterator[str]:
    """Rows, then what was done to each field, then what is not promised, then what to do with it."""
    counts = report.counts
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.model}: {counts.events:,} events of {report.entities:,} entities and {counts.labels:,} labels "
        f"{would}copied to {report.to}"
    )
    yield from (f"  left out: {text}" for text in _left_out(counts))
    width = max(len(one.name) for one in report.fields)
    for one in report.fields:
        yield f"  {one.name:<{width}}  {one.done}{_counted(one, report.rare)}"
        if one.note:
            yield f"  {'':<{width}}  -> {one.note}"
    yield f"times: {report.times}"
    yield f"key of the hashes: {report.key}"
    yield from (f"not promised: {text}" for text in NOT_PROMISED)
    yield from _next(report)


def _left_out(counts: Counts) -> Iterator[str]:
    told = {
        "older events": counts.older,
        "events that came again": counts.repeats,
        "events with a rare value that nothing can stand for": counts.rare_events,
        "labels of events that are not copied": counts.labels_of_others,
        "labels of a rare class, or of such events": counts.rare_labels,
        "labels that were dropped": counts.labels_dropped,
    }
    yield from (f"{count:,} {what}" for what, count in told.items() if count)


def _counted(one: FieldReport, rare: int) -> str:
    if one.ask:
        return f": {one.ask}"
    if one.done.startswith(("hashed", "dropped")):
        return ""
    parts = [f"{one.values:,} different values"]
    if one.rare:
        parts.append(f"{one.rare:,} held by fewer than {rare} entities")
    if one.replaced:
        parts.append(f"{one.replaced:,} rows without them")
    return f" ({', '.join(parts)})"


def _next(report: Report) -> Iterator[str]:
    if report.asked:
        yield "UNDECIDED: say of each --keep FIELD, --drop FIELD, --hash FIELD or --mask FIELD"
    if report.files:
        events, labels, _ = report.files
        without = " --no-entity" if report.nameless else ""
        yield f"in staging: tidemill push {report.to}/{events} --model {report.model}"
        yield f"            tidemill push {report.to}/{labels} --model {report.model} --labels{without}"
