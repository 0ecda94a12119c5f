"""Metrics of every HTTP interface: the same names in every service, declared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from tidemill.telemetry.recorded import exemplar_of

__all__ = [
    "CERTIFICATE_EXPIRES",
    "CERTIFICATE_LOADS",
    "CONNECTIONS_CLOSED",
    "OTHER",
    "SPANS_LEFT_OUT",
    "UNMATCHED",
    "exposition",
    "method_named",
    "requested",
]

Observe = Callable[[float, dict[str, str] | None], None]

UNMATCHED = "unmatched"
"""The path of a request that no route takes, or that is refused before the routes."""
OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", UNMATCHED})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

REQUESTS = Counter("http_requests", "HTTP requests by path template and status.", ["method", "path", "status"])
SECONDS = Histogram(
    "http_request_duration_seconds", "From request to answer.", ["method", "path"], buckets=_BUCKETS
)  # fmt: skip
ERRORS = Counter(
    "http_request_errors", "HTTP requests answered with 500 or above: ours to mend.", ["method", "path", "status"]
)
REFUSALS = Counter(
    "http_request_refusals", "HTTP requests answered with 400 to 499: theirs to mend.", ["method", "path", "status"]
)
SPANS_LEFT_OUT = Counter(
    "tidemill_http_spans_left_out",
    "Requests that failed or were refused and have no span, as there were too many in a second.",
)
CONNECTIONS_CLOSED = Counter(
    "tidemill_http_connections_closed",
    "Connections closed by the service: silent, head, body (too slow), unread (an answer), large (a head), room (for "
    "others), full, handshake (of TLS: too slow, or broken off), defect (ours).",
    ["reason"],
)
CERTIFICATE_EXPIRES = Gauge(
    "tidemill_certificate_expires_timestamp_seconds",
    "When the certificate ends that this process serves with, as Unix time; by its file. None without TLS.",
    ["file"],
)
CERTIFICATE_LOADS = Counter(
    "tidemill_certificate_loads",
    "Certificates that were taken up, the one at the start too, and that were refused, so that the one before goes on.",
    ["outcome"],
)


def exposition(accept: str | None, registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """All metrics in the form that the header `accept` asks for, and its content type."""
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type


def method_named(method: str) -> str:
    """A method as it is told of: one that HTTP does not have is OTHER."""
    return method if method in _METHODS else OTHER


def requested(method: str, path: str, status: int, seconds: float, trace_id: str | None = None) -> None:
    """Count a request. `path`: its template, or UNMATCHED; `trace_id`: of its span, if that is recorded."""
    observe, counts = _of_request(method_named(method), path, status)
    observe(seconds, exemplar_of(trace_id))
    for count in counts:
        count()


@lru_cache(maxsize=1_024)
def _of_request(method: str, path: str, status: int) -> tuple[Observe, Sequence[Callable[[], None]]]:
    """A look-up of labels costs as much as all the rest."""
    for failed in ("500", "503"):
        ERRORS.labels(method, path, failed)  # a counter that begins at 1 has not increased, and no alert sees it
    counters = [REQUESTS, *([ERRORS] if status >= 500 else [REFUSALS] if status >= 400 else [])]
    counts = [counter.labels(method, path, str(status)).inc for counter in counters]
    return SECONDS.labels(method, path).observe, counts
