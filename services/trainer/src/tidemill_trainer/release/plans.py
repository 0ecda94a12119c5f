"""From a model file to the plan of its releases."""

from __future__ import annotations

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.quantities import milliseconds
from tidemill_learning.release.gains import METRICS
from tidemill_learning.release.policy import Plan
from tidemill_learning.release.sequential_test import Limits


def plan_of(spec: ModelSpec) -> Plan:
    """How versions of this model take over."""
    release, limits = spec.release, spec.release.limits
    return Plan(
        mode=release.mode,
        stages=release.stages,
        hold_ms=milliseconds(release.hold),
        approval=release.approval,
        labels=release.labels,
        limits=Limits(limits.errors, limits.p95.total_seconds() * 1_000, limits.shift),
    )


def metric_of(spec: ModelSpec) -> str:
    """What quality is compared by on labels."""
    return METRICS[spec.target.task]
