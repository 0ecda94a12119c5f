"""Every metric, from the objects that are declared."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from reference_pages.markdown import code, page, table

MODULES = (
    ("tidemill.telemetry.metrics", "Every process"),
    ("tidemill.kafka.metrics", "Readers and writers of Kafka: validator, stream, drift-profile"),
    ("tidemill.web.metrics", "HTTP: ingest and serve"),
    ("tidemill.access.metrics", "Access to HTTP: ingest and serve"),
    ("tidemill_ingest.metrics", "Ingest"),
    ("tidemill_validator.metrics", "Validator"),
    ("tidemill_inference.metrics", "Inference: serve and stream"),
    ("tidemill_trainer.metrics", "Trainer"),
    ("tidemill_drift.metrics", "Drift: profile and detect"),
)
INTRODUCTION = """At `/metrics` of every process, for Prometheus, beside `process_*` and `python_*` of its client. A \
histogram has `_bucket`, `_sum` and `_count` behind its name. The [runbooks](../runbooks/README.md) say which alerts \
look at them, and what to do."""
UNITS = ("seconds", "bytes")


def written() -> str:
    """The page."""
    parts: list[str] = []
    for module, title in MODULES:
        rows = [_row(metric) for metric in declared(module)]
        parts += [f"## {title}", table(["metric", "type", "unit", "labels", "meaning"], rows)]
    return page("Metrics", INTRODUCTION, *parts)


def declared(module: str) -> Iterator[MetricWrapperBase]:
    """The metrics of a module, in the order of the file."""
    for one in vars(importlib.import_module(module)).values():
        if isinstance(one, MetricWrapperBase):
            yield one


def _row(metric: MetricWrapperBase) -> tuple[str, ...]:
    (told,) = metric.describe()
    name = f"{told.name}_total" if told.type == "counter" else told.name
    unit = next((unit for unit in UNITS if unit in told.name.split("_")), "count" if told.type == "counter" else "–")
    labels = ", ".join(code(label) for label in metric._labelnames)
    return code(name), told.type, unit, labels or "–", told.documentation
