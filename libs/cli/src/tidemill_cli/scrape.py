"""Reads a service's `/metrics`: sums of counters and gauges by name."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

TIMEOUT_S = 2.0


def scrape(url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples at `url` (a service's address) by metric name, each with its labels; nothing where it does
    not answer.
    """
    from prometheus_client.parser import text_string_to_metric_families

    text = _fetch(url)
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), float(sample.value)))
    return found


def total(samples: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """The sum of all samples of a metric whose labels are as given; 0 where there is none."""
    return sum(value for found, value in samples.get(name, []) if labels.items() <= found.items())


def quick_totals(url: str, names: tuple[str, ...]) -> dict[str, float]:
    """Sums over all labels of some metrics, read line by line: for a display that asks often."""
    totals = dict.fromkeys(names, 0.0)
    for name, value in _lines(_fetch(url)):
        if name in totals:
            totals[name] += value
    return totals


def _lines(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            left, _, value = line.rpartition(" ")
            yield left.partition("{")[0], float(value)


def _fetch(url: str) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=TIMEOUT_S
    )
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
