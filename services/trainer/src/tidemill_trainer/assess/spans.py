"""The trace of a fit that label time asks for: it goes on from the events and labels that showed the change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from opentelemetry.trace import Tracer
from opentelemetry.util.types import AttributeValue

from tidemill.telemetry.spans import linked_span, links_of
from tidemill.telemetry.tracing import current_traceparent
from tidemill_learning.data_set.table_rows import KIND, LABELLED, TIME, TRACE
from tidemill_learning.label_time.loop import FitDue
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, OBSERVED_AT
from tidemill_trainer.assess.joined import Stored
from tidemill_trainer.assess.table_steps import TableSteps, files_of, may_be_away

MOST_LABELS = 1_000
"""The newest, of those since the change, that are linked, and their events."""


def traceparent_of(tracer: Tracer, model: str, due: FitDue, steps: TableSteps) -> bytes | None:
    """Make the span of a fit that is due, linked to what was sampled among the rows since the change; gives the context
    that goes on from it, None where nothing was. Raises `RetryLater` where the table's store is away.
    """
    links = links_of(contexts_since(due, steps))
    about: dict[str, AttributeValue] = {
        "tidemill.model": model, "tidemill.cause": due.cause, "tidemill.label": due.label, "tidemill.rows": due.rows,
    }  # fmt: skip
    with linked_span(tracer, f"assess {model}", links, attributes=about) if links else nullcontext():
        return current_traceparent() if links else None


def contexts_since(due: FitDue, steps: TableSteps) -> list[bytes]:
    """The sampled trace contexts of labels of events since the change that were known by the cut-off, and of these
    events; nothing where no change is known.
    """
    table = None if due.change is None else steps.table()
    if due.change is None or table is None:
        return []
    since, by = (_moment(ms) for ms in (due.change.event_time, due.cut_off_ms))
    with may_be_away(table.table_uri):
        files = [file for file in files_of(table).values() if file.last is None or file.last >= since]
        stored, recent = Stored(table), ds.field(EVENT_TIME) >= pa.scalar(since, TIME)
        known = recent & (ds.field(OBSERVED_AT) <= pa.scalar(by, TIME))
        labels = stored.read([f for f in files if f.kind == LABELLED], [EVENT_ID, OBSERVED_AT, TRACE], known)
        newest = labels.sort_by([(OBSERVED_AT, "descending")]).slice(0, MOST_LABELS)
        theirs = recent & ds.field(EVENT_ID).isin(newest.column(EVENT_ID).combine_chunks())
        events = stored.read([f for f in files if f.kind != LABELLED], [KIND, TRACE], theirs)
    return [*_sampled(newest), *_sampled(events)]


def _sampled(rows: pa.Table) -> Sequence[bytes]:
    found = pc.unique(rows.column(TRACE).drop_null()).to_pylist()
    return [context.encode() for context in found]


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, tz=UTC)
