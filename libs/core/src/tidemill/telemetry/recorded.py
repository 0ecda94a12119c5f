"""Which trace was recorded: of the span that is current, and of a request, for whoever counts it when that has ended.

An exemplar leads from a point of a latency histogram to a trace, so only a trace that is kept may be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry.trace import Span, get_current_span

__all__ = ["Recorded", "exemplar", "exemplar_of", "note_recorded", "recording", "trace_id_of"]


@dataclass(slots=True)
class Recorded:
    """The first trace that was recorded in a block; None where none was."""

    trace_id: str | None = None


_IN_BLOCK: ContextVar[Recorded | None] = ContextVar("recorded", default=None)


@contextmanager
def recording() -> Iterator[Recorded]:
    """Note which trace is recorded within the block, in it and in what it awaits."""
    found = Recorded()
    token = _IN_BLOCK.set(found)
    try:
        yield found
    finally:
        _IN_BLOCK.reset(token)


def note_recorded(span: Span) -> None:
    """Note a span that has begun, where it is recorded and anybody asks (`recording`)."""
    found = _IN_BLOCK.get()
    if found is not None and found.trace_id is None:
        found.trace_id = trace_id_of(span)


def trace_id_of(span: Span | None) -> str | None:
    """The trace id of a span that is recorded, 32 hexadecimal digits; None of any other."""
    return f"{span.get_span_context().trace_id:032x}" if span is not None and span.is_recording() else None


def exemplar_of(trace_id: str | None) -> dict[str, str] | None:
    """The labels by which a point of a histogram leads to this trace."""
    return None if trace_id is None else {"trace_id": trace_id}


def exemplar() -> dict[str, str] | None:
    """The labels of the span that is current; None where it is not recorded."""
    return exemplar_of(trace_id_of(get_current_span()))
