"""What came of an erasure, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tidemill_operations.erase.report import State

if TYPE_CHECKING:
    from tidemill_operations.erase.report import Holding, Report


def lines_of(report: Report) -> Iterator[str]:
    """Model by model: what was erased, what waits for which day, what remains and what to do about it."""
    for model in report.models:
        yield f"{model.model}:"
        if not model.holdings and not model.unfindable:
            yield "  nothing of it is here"
        yield from _lines(model.holdings, report.dry_run)
        if model.unfindable:
            yield f"  NOT FOUND OUT  {model.unfindable}"
    if report.shared:
        yield "of all models:"
        yield from _lines(report.shared, report.dry_run)
    yield from (f"not looked at: {one}" for one in report.elsewhere)
    if report.noted:
        yield f"noted in the audit log as {report.noted} (tidemill keys audit)"
    yield _end(report)


def _lines(holdings: Iterable[Holding], dry_run: bool) -> Iterator[str]:
    words = {State.ERASED: "would go" if dry_run else "erased", State.WAITS: "WAITS", State.REMAINS: "REMAINS"}
    for one in sorted(holdings, key=lambda holding: list(State).index(holding.state)):
        until = f", until {one.until} at the latest" if one.until else ""
        yield f"  {words[one.state]:<8}  {one.count:,} {one.what}: {one.where}{until}"
        if one.why:
            yield f"            {one.why}"
        if one.cure:
            yield f"            -> {one.cure}"


def _end(report: Report) -> str:
    if report.complete:
        return "nothing else is left that is known of" if report.dry_run else "nothing is left that is known of"
    return "something would be left" if report.dry_run else "something is left: run it again when its day has come"
