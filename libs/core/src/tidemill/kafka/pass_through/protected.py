"""Settings that a person may not pass through, each with the reason: delivery guarantees rest on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["IGNORED", "PROTECTED", "refusal"]

_ONCE = "exactly once rests on it"
_OWN: Final = "it has a setting of its own: {}"

PROTECTED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "enable.idempotence": (("true",), f"{_ONCE}: without it a retry writes a record twice"),
    "acks": (("all", "-1"), "202 and a commit mean stored: every in-sync replica must have acknowledged"),
    "max.in.flight.requests.per.connection": (
        ("1", "2", "3", "4", "5"),
        "more than 5 requests in flight lose the order per key",
    ),
    "isolation.level": (
        ("read_committed",),
        f"{_ONCE}: records of aborted transactions must not be read",
    ),
    "enable.auto.commit": (("false",), f"{_ONCE}: offsets are committed with the outputs, never before"),
    "enable.auto.offset.store": (("false",), f"{_ONCE}: offsets are committed with the outputs"),
    "auto.offset.reset": (("earliest",), "nothing may be skipped: a new group begins at the first record"),
    "enable.partition.eof": ((), "readers rely on it to find the end of a topic"),
    "partitioner": (
        ("murmur2_random",),
        "events and labels of one key meet in one partition only if all producers use murmur2",
    ),
    "partitioner.class": ((), "all producers use murmur2, which is Java's default"),
    "transactional.id": (
        (),
        f"{_ONCE}: each process has its own, from TIDEMILL_PREFIX and TIDEMILL_INSTANCE",
    ),
    "transaction.timeout.ms": ((), _OWN.format("TIDEMILL_TRANSACTION_TIMEOUT_MS")),
    "group.id": ((), "each service has its own group; TIDEMILL_PREFIX is put before it"),
    "group.instance.id": (
        (),
        "a static member that goes away strands its partitions for the session timeout",
    ),
    "group.protocol": ((), _OWN.format("TIDEMILL_GROUP_PROTOCOL")),
    "group.remote.assignor": ((), "the services choose how their partitions are shared"),
    "partition.assignment.strategy": ((), "the services choose how their partitions are shared"),
    "session.timeout.ms": ((), _OWN.format("TIDEMILL_SESSION_TIMEOUT_MS")),
    "heartbeat.interval.ms": ((), _OWN.format("TIDEMILL_HEARTBEAT_MS")),
    "compression.type": ((), _OWN.format("TIDEMILL_COMPRESSION")),
    "linger.ms": ((), _OWN.format("TIDEMILL_LINGER_MS")),
}
"""Name: (values that are ours anyway, so that a file shared with other programs may have them; why)."""

IGNORED: Final = frozenset(
    {
        "key.serializer",
        "value.serializer",
        "key.deserializer",
        "value.deserializer",
        "ssl.truststore.type",
        "ssl.keystore.type",
        "ssl.protocol",
        "ssl.enabled.protocols",
        "default.api.timeout.ms",
        "client.dns.lookup",
    }
)
"""Of Java's clients alone: how they turn objects into bytes, and what follows from the other settings here."""


def refusal(name: str, value: str) -> str | None:
    """Why this setting is refused; None where it may pass or says what holds anyway."""
    if name not in PROTECTED:
        return None
    harmless, why = PROTECTED[name]
    return None if value.strip().lower() in harmless else f"{name} cannot be set: {why}"
