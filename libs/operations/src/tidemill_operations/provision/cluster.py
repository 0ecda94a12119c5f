"""What is on the cluster, and what a plan does to it. Every refusal is collected, none stops the rest."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from tidemill_operations.provision.rights import GROUP, TOPIC, TRANSACTIONAL_ID, Right
from tidemill_operations.provision.wanted import Change, ExistingTopic, Kind

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from tidemill.kafka.client.clients import Admin

TIMEOUT_S: Final = 20.0
_PASSING_CODES: Final = ("TOPIC_ALREADY_EXISTS",)


def existing_topics(admin: Admin, names: Iterable[str]) -> dict[str, ExistingTopic]:
    """Those of `names` that exist and may be seen. Raises RetryLater without brokers."""
    from confluent_kafka import KafkaException

    from tidemill.errors import RetryLater
    from tidemill.kafka.client.refusals import explain

    try:
        known = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise RetryLater(admin.refused or explain(error.args[0])) from error
    present = {name: known[name] for name in names if name in known and known[name].error is None}
    configs = _configs(admin, present)
    return {
        name: ExistingTopic(len(t.partitions), len(t.partitions[0].replicas) if t.partitions else 0, configs[name])
        for name, t in present.items()
    }


def _configs(admin: AdminClient, names: Iterable[str]) -> dict[str, Mapping[str, str] | None]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    found: dict[str, Mapping[str, str] | None] = {}
    for resource, future in admin.describe_configs(resources, request_timeout=TIMEOUT_S).items():
        try:
            found[resource.name] = {entry.name: entry.value for entry in future.result().values()}
        except KafkaException:
            found[resource.name] = None  # not allowed: said in the plan
    return found


def create(admin: AdminClient, changes: Iterable[Change], *, dry_run: bool = False) -> dict[str, str]:
    """Create the topics that are missing; topic to reason for each that could not be. `dry_run`: only ask
    whether they could.
    """
    from confluent_kafka.cimpl import NewTopic

    new = [
        NewTopic(c.topic.name, c.topic.partitions or 1, c.topic.replication, config=dict(c.topic.config))
        for c in changes
        if c.kind is Kind.CREATE
    ]
    if not new:
        return {}
    futures = admin.create_topics(new, request_timeout=TIMEOUT_S, validate_only=dry_run)
    return _refusals(futures)


def await_visible(admin: AdminClient, names: Iterable[str], timeout_s: float = 30.0) -> None:
    """Return when every broker that is asked knows these topics: what starts next must find them. Raises
    RetryLater where that takes longer.
    """
    from tidemill.errors import RetryLater
    from tidemill.kafka.client.topics import partition_counts

    wanted, deadline = set(names), time.monotonic() + timeout_s
    while missing := wanted - partition_counts(admin, wanted).keys():
        if time.monotonic() > deadline:
            raise RetryLater(f"topics are not visible yet: {', '.join(sorted(missing))}")
        time.sleep(0.1)


def alter(admin: AdminClient, changes: Iterable[Change]) -> dict[str, str]:
    """Set what differs on topics that exist; topic to reason for each refusal."""
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        ResourceType,
    )

    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            change.topic.name,
            incremental_configs=[
                ConfigEntry(name, should, incremental_operation=AlterConfigOpType.SET)
                for name, (_, should) in change.config.items()
            ],
        )
        for change in changes
        if change.kind is Kind.CONFIG
    ]
    if not resources:
        return {}
    futures = admin.incremental_alter_configs(resources, request_timeout=TIMEOUT_S)
    return _refusals({resource.name: future for resource, future in futures.items()})


def allow(admin: AdminClient, rights: Iterable[Right]) -> dict[str, str]:
    """Give rights; principal to reason for each refusal. Giving one again changes nothing."""
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    kinds: Any = {
        TOPIC: ResourceType.TOPIC, GROUP: ResourceType.GROUP, TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID
    }  # fmt: skip
    bindings = [
        AclBinding(
            kinds[right.resource],
            right.name,
            ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
            right.principal,
            "*",
            AclOperation[right.operation],
            AclPermissionType.ALLOW,
        )
        for right in rights
    ]
    if not bindings:
        return {}
    refused: dict[str, str] = {}
    for binding, future in admin.create_acls(bindings, request_timeout=TIMEOUT_S).items():
        refused |= _refusals({binding.principal: future})  # each has many: none may hide another's refusal
    return refused


def _refusals(futures: Mapping[str, Future[Any]]) -> dict[str, str]:
    from confluent_kafka import KafkaException

    from tidemill.kafka.client.refusals import explain

    refused: dict[str, str] = {}
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].name() not in _PASSING_CODES:
                refused[name] = explain(error.args[0])
    return refused
