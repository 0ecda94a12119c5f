"""Which metrics there are, and which an expression of PromQL names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_SUFFIXES = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_count", "_sum")}
OTHERS = {
    "up",  # Prometheus itself
    "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
    "process_start_time_seconds",  # prometheus-client, of its own process
    "node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_filesystem_readonly", "node_load1",
    "node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes",
    "node_disk_written_bytes_total", "node_disk_io_time_seconds_total",  # node exporter
    "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",  # kubelet
    "kube_deployment_spec_replicas", "kube_deployment_status_replicas_available", "kube_statefulset_replicas",
    "kube_statefulset_status_replicas_ready", "kube_horizontalpodautoscaler_spec_min_replicas",  # kube-state-metrics
    "certmanager_certificate_expiration_timestamp_seconds",  # cert-manager
}  # fmt: skip
"""Metrics of others that rules and boards may name, as their own documentation has them."""
_WORDS = {
    "and", "or", "unless", "offset", "by", "on", "group_left", "sum", "max", "min", "avg", "count", "topk", "rate",
    "increase", "delta", "deriv", "changes", "time", "vector", "sum_over_time", "histogram_quantile", "label_replace",
}  # fmt: skip


def declared() -> set[str]:
    """The names that a scrape of our processes can show."""
    names = set()
    for path in ROOT.glob("*/*/src/**/metrics.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SUFFIXES:
                (first, *_) = node.args
                assert isinstance(first, ast.Constant)
                names |= {str(first.value).removesuffix("_total") + suffix for suffix in _SUFFIXES[node.func.id]}
    return names


def named(expression: str) -> set[str]:
    """The metrics in an expression: what is no word of the language, no label and no text."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|\b(by|on) \([^)]*\)|\boffset \w+", " ", expression)
    return set(re.findall(r"[a-z][\w:]*", bare)) - _WORDS
