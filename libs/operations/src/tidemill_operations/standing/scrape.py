"""Reads a service's `/metrics`: sums of counters and gauges by name."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

TIMEOUT_S = 2.0


def scrape(url: str | None) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples at `url` (a service's address) by metric name, each with its labels; nothing where it does
    not answer.
    """
    from prometheus_client.parser import text_string_to_metric_families

    text = _fetch(url) if url else ""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), float(sample.value)))
    return found


def total(samples: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """The sum of all samples of a metric whose labels are as given; 0 where there is none."""
    return sum(value for found, value in samples.get(name, []) if labels.items() <= found.items())


def _fetch(url: str) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
