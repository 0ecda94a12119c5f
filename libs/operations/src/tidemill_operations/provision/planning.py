"""A plan for one platform: made from the contract and the cluster, and carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemill_operations.errors import WrongUse
from tidemill_operations.provision.rights import SERVICES, Right, default_principals, rights
from tidemill_operations.provision.wanted import Change, Kind, compare, wanted_topics

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `named`: the principals were given, so their rights are part of what is applied."""

    bootstrap: str
    changes: tuple[Change, ...]
    rights: tuple[Right, ...]
    named: bool

    @property
    def obstacles(self) -> list[str]:
        """What stands in the way, one sentence each."""
        stops = (Kind.CONFLICT, Kind.MISSING)
        return [f"{c.topic.name}: {c.detail}" for c in self.changes if c.kind in stops]

    @property
    def waiting(self) -> list[str]:
        """Of models that wait for a source which is not there: what is missing, one sentence each."""
        return [f"{c.topic.name}: {c.detail}" for c in self.changes if c.kind is Kind.MISSING]

    @property
    def hopeless(self) -> bool:
        """Whether nothing may be applied: a topic is in the way, or all models wait."""
        models = {c.topic.model for c in self.changes if c.topic.model is not None}
        waiting = {c.topic.model for c in self.changes if c.kind is Kind.MISSING}
        return any(c.kind is Kind.CONFLICT for c in self.changes) or (bool(waiting) and waiting == models)

    @property
    def growth(self) -> dict[str, dict[str, int]]:
        """By model, the topics that get more partitions, and how many: what is written to before what is read."""
        found: dict[str, dict[str, int]] = {}
        for change in reversed(self.changes):  # the contract has them in the order of the flow
            if change.kind is Kind.GROW:
                found.setdefault(change.topic.model or "", {})[change.topic.name] = change.topic.partitions or 0
        return found


@dataclass(slots=True)
class Applied:
    """What was done, in words, and what was refused with the reason."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def make_plan(platform: PlatformView, principals: Sequence[str] = ()) -> Plan:
    """Compare the contract with the cluster. Raises RetryLater without brokers."""
    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.partitions.growth import counts_of_models
    from tidemill_operations.provision.cluster import existing_topics
    from tidemill_operations.reach import ensure_reachable

    settings, catalog, models = platform.settings, platform.topics, list(platform.models)
    external = {name: model for model in models for name in catalog.external_topics(model).values()}
    named = _principals(principals)
    ensure_reachable(settings)
    client = admin(settings)
    existing = existing_topics(client, [*catalog.all_topics(models), *external])
    present = {name: topic.partitions for name, topic in existing.items()}
    there = counts_of_models(catalog, models, present, settings.partitions)
    wanted = wanted_topics(catalog, models, settings.partitions, settings.replication_factor, there)
    changes = compare(wanted, existing)
    uncounted = {c.topic.model for c in changes if c.kind is Kind.MISSING} - there.keys()
    whom = named or default_principals(settings.prefix)
    return Plan(
        settings.kafka_bootstrap,
        # How many partitions the topics of a model get is not known before its source, or one of them, is there.
        tuple(c for c in changes if c.kind is not Kind.CREATE or c.topic.model not in uncounted),
        tuple(rights(catalog, models, whom)),
        bool(named),
    )


def apply_plan(platform: PlatformView, plan: Plan, *, configs: bool) -> Applied:
    """Do what the plan says, as far as this principal may."""
    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.partitions.growth import grow
    from tidemill_operations.provision.cluster import allow, alter, await_visible, create

    client, applied = admin(platform.settings), Applied()
    refused = create(client, plan.changes)
    applied.refused |= {f"create {name}": why for name, why in refused.items()}
    created = [c.topic.name for c in plan.changes if c.kind is Kind.CREATE and c.topic.name not in refused]
    await_visible(client, created)
    applied.done += [f"created {name}" for name in created]
    for model, topics in plan.growth.items():
        refused = grow(client, topics)
        applied.refused |= {f"more partitions for {name}": why for name, why in refused.items()}
        if not refused:
            applied.done.append(f"topics of {model} have {max(topics.values())} partitions: {', '.join(topics)} grew")
    if configs:
        refused = alter(client, plan.changes)
        applied.refused |= {f"settings of {name}": why for name, why in refused.items()}
        changed = [c.topic.name for c in plan.changes if c.kind is Kind.CONFIG]
        applied.done += [f"set {name}'s settings" for name in changed if name not in refused]
    if plan.named:
        refused = allow(client, plan.rights)
        applied.refused |= {f"rights of {name}": why for name, why in refused.items()}
        if not refused:
            applied.done.append(f"gave {len(plan.rights)} rights")
    return applied


def _principals(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        service, _, principal = text.partition("=")
        if service not in (*SERVICES, "users", "*") or ":" not in principal:
            raise WrongUse(
                f"{text!r} is not SERVICE=PRINCIPAL such as validator=User:tm-validator; services: "
                f"{', '.join(SERVICES)}, users, *",
                option="--principal",
            )
        found |= dict.fromkeys(SERVICES, principal) if service == "*" else {service: principal}
    return found
