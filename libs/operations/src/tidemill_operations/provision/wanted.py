"""What the contract wants of a cluster, and how that differs from what is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidemill.contracts.topics import TopicCatalog

OF_BROKER: Final = -1
"""The cluster's own default replication factor."""


class Kind(StrEnum):
    """What is to be done about a topic."""

    CREATE = "create"
    GROW = "grow"
    KEEP = "keep"
    CONFIG = "config"
    CONFLICT = "conflict"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as the contract has it. `external`: someone else's, only looked at. `grows`: `partitions` are those of a
    topic beside it, and not of a setting.
    """

    name: str
    role: str
    model: str | None
    partitions: int | None
    replication: int
    config: Mapping[str, str] = field(hash=False)
    external: bool = False
    grows: bool = False


@dataclass(frozen=True, slots=True)
class ExistingTopic:
    """A topic as the cluster has it; `config` None where it may not be read."""

    partitions: int
    replication: int
    config: Mapping[str, str] | None = field(hash=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One topic and what is to be done about it. `config`: setting to (is, should be), where they differ."""

    kind: Kind
    topic: WantedTopic
    detail: str = ""
    config: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)


def wanted_topics(
    catalog: TopicCatalog,
    models: Iterable[str],
    partitions: int,
    replication: int = OF_BROKER,
    there: Mapping[str, int] | None = None,
) -> list[WantedTopic]:
    """Every topic of the platform and of `models`. `partitions`: of a model's topics, where `there` does not say: what
    is there already, a topic of someone else's that it reads included, has so many at most.
    """
    models, counts = list(models), dict(there or {})
    wanted = [
        WantedTopic(
            name, role, model, catalog.spec(role).partitions or counts.get(model or "", partitions),
            replication, catalog.spec(role).config, grows=model in counts and not catalog.spec(role).partitions,
        )
        for name, (role, model) in catalog.all_topics(models).items()
    ]  # fmt: skip
    for model in models:
        for role, name in catalog.external_topics(model).items():
            wanted.append(WantedTopic(name, role, model, counts.get(model), OF_BROKER, {}, external=True))
    return wanted


def compare(wanted: Iterable[WantedTopic], existing: Mapping[str, ExistingTopic]) -> list[Change]:
    """What is to be done about each topic, in the order of `wanted`."""
    return [_compare(topic, existing.get(topic.name)) for topic in wanted]


def _compare(topic: WantedTopic, found: ExistingTopic | None) -> Change:
    if found is None:
        if topic.external:
            return Change(
                Kind.MISSING, topic, "the model's source does not exist, or may not be seen: whoever owns it creates it"
            )
        return Change(Kind.CREATE, topic)
    if topic.external:
        return Change(Kind.KEEP, topic, "someone else's: only read")
    if topic.partitions != found.partitions:
        if topic.grows and found.partitions < (topic.partitions or 0):
            return Change(Kind.GROW, topic, f"has {found.partitions} partitions: as many as the model's other topics")
        cure = (
            "set TIDEMILL_PARTITIONS to what is there, or use"
            if topic.model
            else "delete it with what it holds, or use"
        )
        return Change(
            Kind.CONFLICT,
            topic,
            f"has {found.partitions} partitions, not {topic.partitions}; partitions are never changed by a setting "
            f"(keys would move): {cure} another TIDEMILL_PREFIX",
        )
    differs = {
        name: (found.config.get(name, "unset"), value)
        for name, value in topic.config.items()
        if found.config is not None and found.config.get(name) != value
    }
    if differs:
        return Change(Kind.CONFIG, topic, "", differs)
    detail = "" if found.config is not None else "its settings may not be read (DESCRIBE_CONFIGS)"
    if topic.replication not in (OF_BROKER, found.replication):
        detail = f"has {found.replication} replicas, not {topic.replication}: kafka-reassign-partitions.sh changes it"
    return Change(Kind.KEEP, topic, detail)
