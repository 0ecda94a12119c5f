"""Helpers for metrics. Each service declares its own, once, in its `metrics.py`; names begin with `tidemill_`."""

from __future__ import annotations

from prometheus_client import Gauge

from tidemill import __version__

__all__ = ["CONTRACT_CURRENT", "FAST_SECONDS", "LEFT_OUT", "SLOW_SECONDS", "build_info"]

FAST_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Buckets for requests and batches."""

SLOW_SECONDS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Buckets for training runs and the like."""

LEFT_OUT = Gauge(
    "tidemill_model_left_out", "1 for a model that this process has left out; its ERROR line says why.", ["model"]
)
CONTRACT_CURRENT = Gauge(
    "tidemill_contract_current",
    "1 where the model files are what is at work, 0 where some are not taken up; `hash` is of those at work.",
    ["hash"],
)
_BUILD = Gauge(
    "tidemill_build_info", "Always 1; says which service and version this process is.", ["service", "version"]
)


def build_info(package: str) -> None:
    """Publish which service and version this process is: an a distribution's name and Tidemill's version."""
    _BUILD.labels(package, __version__).set(1)
