"""The names on which every principal is tried, and what the plan gives each on them.

Beside the platform's own names stand their neighbours: another platform's, ones that begin or end alike, Kafka's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.broker.security.attempts import Use
from tidemill_operations.platform import PlatformView
from tidemill_operations.provision.rights import GROUP, SERVICES, TOPIC, TRANSACTIONAL_ID, Right, rights

_IMPLIED = {"READ": {"DESCRIBE"}, "WRITE": {"DESCRIBE"}}
"""Rights that Kafka gives with another."""
_TRIED_ONCE = {(TRANSACTIONAL_ID, "DESCRIBE")}
"""A producer's first request needs both of its rights; so they are one use here."""
_END = "probe"


@dataclass(frozen=True)
class Names:
    """On what is tried."""

    topics: tuple[str, ...]
    groups: tuple[str, ...]
    transactional_ids: tuple[str, ...]


def principals(prefix: str) -> dict[str, str]:
    """A principal a service."""
    return {service: f"User:{prefix}{service}" for service in SERVICES}


def names(view: PlatformView) -> Names:
    """Every topic of the platform's, and a name for each group and transactional id that anybody may use; and their
    neighbours.
    """
    prefix, models = view.settings.prefix, list(view.models)
    given = rights(view.topics, models, principals(prefix))
    external = [name for model in models for name in view.topics.external_topics(model).values()]
    ours = [*view.topics.all_topics(models), *external]
    strangers = [f"other-{ours[0]}", f"{ours[0]}-more", f"{prefix}stranger-raw"]
    return Names(
        (*ours, *strangers, "__consumer_offsets", "__transaction_state"),
        tuple(_with_neighbours(given, GROUP, prefix)),
        tuple(_with_neighbours(given, TRANSACTIONAL_ID, prefix)),
    )


def allowed(given: Iterable[Right], names: Names) -> set[Use]:
    """The uses of `names` that these rights make up."""
    by_kind = {TOPIC: names.topics, GROUP: names.groups, TRANSACTIONAL_ID: names.transactional_ids}
    return {
        (right.resource, name, operation)
        for right in given
        for name in by_kind[right.resource]
        if name == right.name or (right.prefixed and name.startswith(right.name))
        for operation in {right.operation, *_IMPLIED.get(right.operation, ())}
        if (right.resource, operation) not in _TRIED_ONCE
    }


def _with_neighbours(given: Iterable[Right], kind: str, prefix: str) -> list[str]:
    found: set[str] = set()
    for right in given:
        if right.resource == kind:
            own = right.name + _END * right.prefixed
            near = right.name.rstrip("-") + "s" if right.prefixed else f"{right.name}-more"
            found |= {own, near, own.removeprefix(prefix), f"other-{own}"}
    return sorted(found)
