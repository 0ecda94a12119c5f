"""The least that each service must be allowed to do, from the contract's producers and consumers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.contracts.topics import TopicCatalog
from tidemill_operations.backup.records import GROUPS, KEPT

SERVICES: Final = ("ingest", "validator", "trainer", "inference", "drift", "cli", "backup")
TOPIC, GROUP, TRANSACTIONAL_ID = "topic", "group", "transactional-id"

_GROUPS: Final[Mapping[str, tuple[tuple[str, bool], ...]]] = {
    "validator": (("validator-", True),),
    "trainer": (
        ("trainer-collect", False),
        ("trainer-admit", False),
        ("trainer-release", False),
        ("trainer-notify", False),
    ),
    "inference": (("inference-", True),),
    "drift": (("drift-profile-", True), ("drift-detect-", True)),
}
"""Consumer groups by service: (name, whether it is a prefix: the worker set's name follows)."""
_ALSO: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("validator", "READ"): ("clean", "labels", "quality_reports"),  # its memory is filled from them
    ("cli", "READ"): ("raw", "labels_raw"),  # trace and audit
    ("cli", "WRITE"): ("raw_dlq", "labels_raw_dlq"),  # what became of a dead letter is noted beside it
    ("backup", "READ"): KEPT,
}
"""Roles that a service uses beyond being named as their producer or consumer."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """`principal` may do `operation` (READ, WRITE, DESCRIBE) on a resource. `prefixed`: on all whose names begin
    so.
    """

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False


def default_principals(prefix: str = "") -> dict[str, str]:
    """A principal a service, as if they were made for this platform."""
    return {service: f"User:{prefix}tidemill-{service}" for service in SERVICES}


def rights(catalog: TopicCatalog, models: Iterable[str], principals: Mapping[str, str]) -> list[Right]:
    """All rights of the services named in `principals` (service to principal; `users` are people's programs)."""
    models = list(models)
    topics = catalog.all_topics(models)
    for model in models:
        topics |= {topic: (role, model) for role, topic in catalog.external_topics(model).items()}
    found: set[Right] = set()
    for service, principal in principals.items():
        for name, (role, of) in topics.items():
            operations = _on_topic(catalog, service, role, external=catalog.is_external(role, of))
            found |= {Right(principal, TOPIC, name, operation) for operation in operations}
        found |= _groups(catalog, service, principal)
        found |= _transactional_ids(catalog, service, principal, models)
    return sorted(found)


def _on_topic(catalog: TopicCatalog, service: str, role: str, *, external: bool) -> set[str]:
    spec = catalog.spec(role)
    operations = set()
    if service in spec.consumers or role in _ALSO.get((service, "READ"), ()):
        operations.add("READ")
    writes = service in spec.producers or role in _ALSO.get((service, "WRITE"), ())
    if writes and not (external and service != "cli"):
        operations.add("WRITE")
    if service == "cli" or (service == "validator" and spec.per_model):
        operations.add("DESCRIBE_CONFIGS")  # what differs from the contract; the largest record of each topic
    if (service in ("validator", "trainer", "inference", "drift", "cli") and spec.per_model) or operations:
        operations.add("DESCRIBE")  # partition counts of a model's topics are held against each other
    if service == "backup":
        operations.add("DESCRIBE")  # ids and partition counts of all topics belong to a backup
    return operations


def _groups(catalog: TopicCatalog, service: str, principal: str) -> set[Right]:
    if service == "cli":  # lag is all that the command line asks of groups
        names = [group for owned in _GROUPS.values() for group in owned]
        return {Right(principal, GROUP, catalog.group(n), "DESCRIBE", prefixed) for n, prefixed in names}
    if service == "backup":
        return {Right(principal, GROUP, catalog.group(name), "DESCRIBE", name.endswith("-")) for name in GROUPS}
    owned = _GROUPS.get(service, ())
    return {Right(principal, GROUP, catalog.group(name), "READ", prefixed) for name, prefixed in owned}


def _transactional_ids(catalog: TopicCatalog, service: str, principal: str, models: Iterable[str]) -> set[Right]:
    names: list[tuple[str, bool]] = {
        "validator": [("validator-", True)],
        "inference": [("inference-", True)],
        "trainer": [(f"release-{model}", False) for model in models],
        "cli": [(f"dlq-{model}-", True) for model in models],
    }.get(service, [])
    return {
        Right(principal, TRANSACTIONAL_ID, catalog.transactional_id(name), operation, prefixed)
        for name, prefixed in names
        for operation in ("WRITE", "DESCRIBE")
    }
