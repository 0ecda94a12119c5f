"""Metrics by version of a model: there are ever more versions, and a series for each would stay for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from prometheus_client.metrics import MetricWrapperBase

__all__ = ["VERSIONS_TOLD", "OfVersions"]

VERSIONS_TOLD = 10
"""Of so many versions a model, those that were used last, metrics are shown."""


class OfVersions:
    """Forgets what metrics with the labels `model` and `version` say of a model's versions that were used longest ago.

    A version that is used again afterwards begins at 0, which Prometheus takes for a restart. Thread-safe.
    """

    def __init__(self, *metrics: MetricWrapperBase, forgotten: Callable[[], object] = lambda: None) -> None:
        """`forgotten` is called after series were taken away, for whoever keeps some at hand."""
        self._metrics = metrics
        self._forgotten = forgotten
        self._used: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def used(self, model: str, versions: Iterable[int]) -> None:
        """These versions of a model are used from now on: they serve, are tried, or are measured."""
        with self._lock:
            now = list(versions)
            used = [version for version in self._used.get(model, ()) if version not in now] + now
            self._used[model] = used[-VERSIONS_TOLD:]
            old = used[:-VERSIONS_TOLD]
            for metric in self._metrics if old else ():
                for version in old:
                    metric.remove_by_labels({"model": model, "version": str(version)})
            if old:
                self._forgotten()
