"""What this principal may do. The brokers are asked; only transactional ids can't be asked about, so they are tried
if a person wants it, each with a name of doctor's own: no worker is fenced.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tidemill_operations.doctor.findings import Finding, fail, ok, warn
from tidemill_operations.provision.rights import GROUP, TOPIC, TRANSACTIONAL_ID, Right, rights

if TYPE_CHECKING:
    from tidemill.kafka.client.clients import Admin
    from tidemill_operations.platform import PlatformView

TIMEOUT_S = 10.0
OWN = "doctor"
"""Ends the names that stand for all names of a prefix: `validator-` is asked about as `validator-doctor`."""
SHOWN = 5


def check_rights(platform: PlatformView, client: Admin, service: str, *, try_transactions: bool) -> list[Finding]:
    """What the brokers say this principal may do, against what `service` needs."""
    needed = rights(platform.topics, platform.models, {service: "me"})
    may = _topics(client, needed) | _groups(platform, needed)
    asked = [right for right in needed if (right.resource, _name(right)) in may]
    lacking = [right for right in asked if right.operation not in may[right.resource, _name(right)]]
    todo = f"`tidemill topics apply --principal {service}=User:NAME` gives them, or writes a script"
    if not lacking:
        found = [ok("rights", f"{service}: may do all that it needs on {len(may)} topics and groups")]
    else:
        said = [f"{right.operation} on {right.resource} {right.name}{'*' * right.prefixed}" for right in lacking]
        more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
        found = [fail("rights", f"{service} lacks {'; '.join(said[:SHOWN])}{more}", todo)]
    return found + _transactions(platform, needed, todo, tried=try_transactions)


def _name(right: Right) -> str:
    return right.name + OWN * right.prefixed


def _topics(client: Admin, needed: list[Right]) -> dict[tuple[str, str], set[str]]:
    from confluent_kafka import TopicCollection

    from tidemill.kafka.client.topics import partition_counts

    names = sorted({right.name for right in needed if right.resource == TOPIC})
    present = list(partition_counts(client, names))
    answers = client.describe_topics(
        TopicCollection(present), include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    return {(TOPIC, name): _operations(future.result()) for name, future in answers.items()}


def _groups(platform: PlatformView, needed: list[Right]) -> dict[tuple[str, str], set[str]]:
    """Rights on groups. On a cluster that has had no group yet, the first question makes Kafka set itself up for them:
    it is asked again until then, each time by a new client (one that has been refused so may crash).
    """
    from tidemill.errors import RetryLater
    from tidemill.kafka.client.clients import admin

    names = sorted({_name(right) for right in needed if right.resource == GROUP})
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return _ask_groups(admin(platform.settings), names)
        except RetryLater:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _ask_groups(client: Admin, names: list[str]) -> dict[tuple[str, str], set[str]]:
    if not names:
        return {}
    answers = client.describe_consumer_groups(names, include_authorized_operations=True, request_timeout=TIMEOUT_S)
    return {(GROUP, name): _on_group(future) for name, future in answers.items()}


def _operations(described: Any) -> set[str]:
    return {operation.name for operation in described.authorized_operations or ()}


def _on_group(future: Any) -> set[str]:
    """Rights on a group. Of a group that is not there yet Kafka says only that it is not, and to those alone who may
    look: READ, which is what services are given, counts as given then. Raises RetryLater.
    """
    from confluent_kafka import KafkaError, KafkaException

    from tidemill.errors import RetryLater

    try:
        described = future.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return set()
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise RetryLater(f"the brokers do not tell of consumer groups: {error.args[0].str()}") from error
        return {"READ", "DESCRIBE"}
    return {"READ", "DESCRIBE"} if described.authorized_operations is None else _operations(described)


def _transactions(platform: PlatformView, needed: list[Right], todo: str, *, tried: bool) -> list[Finding]:
    ids = sorted({right.name for right in needed if right.resource == TRANSACTIONAL_ID and right.prefixed})
    if not ids:
        return []
    shown = ", ".join(f"{name}*" for name in ids)
    if not tried:
        text = f"transactional ids {shown}: Kafka cannot be asked about them"
        return [ok("rights", f"{text}; --try-transactions uses one of its own")]
    refused = {name: why for name in ids if (why := _refusal(platform, name + OWN))}
    if not refused:
        return [ok("rights", f"transactional ids {shown} may be used")]
    return [
        (fail if "AUTHORIZATION" in kind else warn)("rights", f"transactional ids {name}*: {why}", todo)
        for name, (kind, why) in refused.items()
    ]


def _refusal(platform: PlatformView, transactional_id: str) -> tuple[str, str] | None:
    """Name and words of the brokers' answer to a producer that begins with this id; None where they let it."""
    from confluent_kafka import KafkaException, Producer

    from tidemill.kafka.client.clients import producer_config

    producer = Producer(producer_config(platform.settings, transactional_id))
    try:
        producer.init_transactions(TIMEOUT_S)
    except KafkaException as error:
        return error.args[0].name(), error.args[0].str()
    return None
