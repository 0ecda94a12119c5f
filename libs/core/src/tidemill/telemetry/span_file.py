"""Spans as JSON lines in a folder, one bounded file per process: for machines without a collector."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["SpanFileExporter", "span_line"]

MAX_BYTES = 16 * 1024 * 1024
"""A file that has grown beyond this becomes `.1`, and what was `.1` is dropped: two such at most per process."""


class SpanFileExporter(SpanExporter):
    """Appends every finished span as one line to `<folder>/<service>-<pid>.jsonl`."""

    def __init__(self, folder: Path, service: str, *, max_bytes: int = MAX_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{service}-{os.getpid()}.jsonl"
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append `spans`; a full disk fails the export, never the work."""
        lines = "".join(json.dumps(span_line(span), default=str) + "\n" for span in spans)
        with self._lock:
            try:
                self._rotate()
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(lines)
            except OSError:
                return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is buffered here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is buffered here."""
        return True

    def _rotate(self) -> None:
        if self.path.exists() and self.path.stat().st_size > self._max_bytes:
            self.path.replace(self.path.with_suffix(".jsonl.1"))


def span_line(span: ReadableSpan) -> dict[str, Any]:
    """One span as plain values: ids in hexadecimal, times in Unix nanoseconds, links and events as lists."""
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}" if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name,
        "description": span.status.description,
        "service": span.resource.attributes.get("service.name"),
        "attributes": _plain(span.attributes),
        "links": [
            {"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"}
            for link in span.links
        ],
        "events": [
            {"name": event.name, "time_ns": event.timestamp, "attributes": _plain(event.attributes)}
            for event in span.events
        ],
    }


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(attributes or {})
