"""KEDA's and the HPA's arithmetic on a clock of its own: how many replicas they ask for, given what their triggers see.

KEDA starts the first replica and takes the last one away; what lies between is an HPA's. Constants are the defaults of
both (a look every 15 s, a tolerance of a tenth). A Kafka trigger tells no more than its threshold for each partition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EVERY_S = 15
TOLERANCE = 0.1
LONGEST_S = 600
"""No window and no period of ours is longer: what is older is forgotten."""


def by_lag(lag: int, partitions: int, threshold: int, current: int) -> int:
    """Replicas that one Kafka trigger asks for (`AverageValue`)."""
    told = partitions * threshold if lag // threshold > partitions else lag
    ratio = told / (threshold * current)
    return current if abs(ratio - 1) <= TOLERANCE else math.ceil(told / threshold)


def by_share(value: float, target: float, current: int) -> int:
    """Replicas that a share of what is requested, or a plain value, asks for (`Utilization`, `Value`)."""
    ratio = value / target
    return current if abs(ratio - 1) <= TOLERANCE else math.ceil(current * ratio)


@dataclass
class Hpa:
    """`behavior`: as in the manifest, both directions named. `step` once every 15 s."""

    least: int
    most: int
    behavior: Mapping[str, Any]
    _wanted: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)

    def step(self, now: float, current: int, asked: Sequence[int]) -> int:
        """The replicas from now on; `asked`: what each metric asks for, of which the largest counts."""
        wanted = max(asked)
        self._wanted = [*((at, one) for at, one in self._wanted if at > now - LONGEST_S), (now, wanted)]
        self._changes = [(at, one) for at, one in self._changes if at > now - LONGEST_S]
        steady = self._steady(now, current, wanted)
        allowed = self._allowed(now, current, steady)
        decided = min(self.most, max(self.least, 1, allowed))
        if decided != current:
            self._changes.append((now, decided - current))
        return decided

    def _steady(self, now: float, current: int, wanted: int) -> int:
        """Up to what was wanted all the time of late, or down to the most that was wanted at any time of late."""
        up = min(wanted, *self._of_late(now, "scaleUp"), wanted)
        down = max(wanted, *self._of_late(now, "scaleDown"), wanted)
        return min(max(current, up), down)

    def _of_late(self, now: float, direction: str) -> list[int]:
        window = self.behavior[direction]["stabilizationWindowSeconds"]
        return [wanted for at, wanted in self._wanted if at > now - window]

    def _allowed(self, now: float, current: int, steady: int) -> int:
        sign = 1 if steady > current else -1
        limits = []
        for policy in self.behavior["scaleUp" if sign > 0 else "scaleDown"]["policies"]:
            of_late = [change for at, change in self._changes if at > now - policy["periodSeconds"]]
            begin = current - sum(change for change in of_late if change * sign > 0)
            step = policy["value"] if policy["type"] == "Pods" else math.ceil(begin * policy["value"] / 100)
            limits.append(begin + sign * step)
        return min(steady, max(limits)) if sign > 0 else max(steady, min(limits))


@dataclass
class Keda:
    """A ScaledObject by the lag of groups and by processor time. `replicas`: what it asks for at the moment."""

    spec: Mapping[str, Any]
    replicas: int = 0
    _last_active: float = 0.0

    def __post_init__(self) -> None:
        behavior = self.spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        self._hpa = Hpa(self.spec["minReplicaCount"], self.spec["maxReplicaCount"], behavior)

    def step(self, now: float, lags: Sequence[int], partitions: int, cores: float = 0.0) -> None:
        """What its triggers see at `now`: one lag each, and the mean processor time of a replica."""
        told = [trigger["metadata"] for trigger in self.spec["triggers"] if trigger["type"] == "kafka"]
        (busy,) = [trigger["metadata"]["value"] for trigger in self.spec["triggers"] if trigger["type"] == "cpu"]
        active = any(lag > int(one["activationLagThreshold"]) for lag, one in zip(lags, told, strict=True))
        self._last_active = now if active else self._last_active
        if self.replicas == 0:
            self.replicas = max(1, self.spec["minReplicaCount"]) if active or self.spec["minReplicaCount"] else 0
            return
        if not active and not self.spec["minReplicaCount"] and now - self._last_active > self.spec["cooldownPeriod"]:
            self.replicas = 0
            return
        asked = [
            by_lag(lag, partitions, int(one["lagThreshold"]), self.replicas)
            for lag, one in zip(lags, told, strict=True)
        ]
        asked.append(by_share(cores, int(busy.removesuffix("m")) / 1_000, self.replicas))
        self.replicas = self._hpa.step(now, self.replicas, asked)
