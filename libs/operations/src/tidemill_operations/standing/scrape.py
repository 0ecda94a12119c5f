"""Reads a service's `/metrics`: sums of counters and gauges by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.web.tls.asking import fetch


def scrape(process: Mapping[str, Any] | None) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples of a process by metric name, each with its labels; nothing where it does not answer. `process`: what
    the platform says of it, with its `url` and, where it speaks TLS, its `certificate`.
    """
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(ask(process, "/metrics").decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), float(sample.value)))
    return found


def ask(process: Mapping[str, Any] | None, path: str) -> bytes:
    """The body that a process answers with, whatever its status; empty where it does not."""
    url = process.get("url") if process else None
    return fetch(f"{url}{path}", process.get("certificate"))[1] if process and url else b""


def total(samples: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """The sum of all samples of a metric whose labels are as given; 0 where there is none."""
    return sum(value for found, value in samples.get(name, []) if labels.items() <= found.items())
