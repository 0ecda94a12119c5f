"""W3C trace context in record headers (https://www.w3.org/TR/trace-context/, version 00).

Most records are not sampled, so the test for that is one comparison of bytes and comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from tidemill.entropy import random_bytes
from tidemill.kafka.headers import TRACEPARENT, Headers

__all__ = [
    "format_traceparent",
    "new_traceparent",
    "parse_traceparent",
    "sampled_contexts",
    "sampled_parents",
    "unsampled_traceparent",
]

_FORM = re.compile(rb"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_SAMPLED_SUFFIX = b"-01"


def parse_traceparent(value: bytes | None) -> tuple[int, int, bool] | None:
    """(trace id, span id, sampled) of a header value; None where it is absent or not valid."""
    match = _FORM.match(value) if value else None
    if match is None:
        return None
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    if not trace_id or not span_id:
        return None
    return trace_id, span_id, bool(int(match[3], 16) & 1)


def format_traceparent(trace_id: int, span_id: int, sampled: bool) -> bytes:
    """The header value of a context."""
    return b"00-%032x-%016x-%02x" % (trace_id, span_id, sampled)


def new_traceparent(ratio: float = 1.0) -> bytes:
    """A new root context, sampled with probability `ratio` by the rule of OpenTelemetry's
    TraceIdRatioBased sampler.

    That rule looks at the low 64 bits of the trace id only, so any process decides the same.
    """
    drawn = random_bytes(24)
    trace_id = int.from_bytes(drawn[:16]) or 1
    sampled = trace_id & 0xFFFF_FFFF_FFFF_FFFF < round(ratio * (1 << 64))
    return format_traceparent(trace_id, int.from_bytes(drawn[16:]) or 1, sampled)


def unsampled_traceparent() -> bytes:
    """A new root context that is not sampled."""
    digits = random_bytes(24).hex()
    return f"00-{digits[:32]}-{digits[32:]}-00".encode()


def sampled_contexts(columns: Iterable[Headers | None]) -> dict[int, bytes]:
    """The header values of the sampled contexts among the records' headers, by place; malformed ones are left out."""
    return {
        place: value
        for place, headers in enumerate(columns)
        if headers
        for name, value in headers
        if name == TRACEPARENT and value is not None and value.endswith(_SAMPLED_SUFFIX) and parse_traceparent(value)
    }


def sampled_parents(columns: Iterable[Headers | None], limit: int = 128) -> list[tuple[int, int]]:
    """(trace id, span id) of the sampled contexts among the records' headers, at most `limit`."""
    sampled = (
        value
        for headers in columns
        if headers
        for name, value in headers
        if name == TRACEPARENT and value is not None and value.endswith(_SAMPLED_SUFFIX)
    )
    parsed = (parse_traceparent(value) for value in sampled)
    return [one[:2] for one in islice((one for one in parsed if one is not None), limit)]
