"""The platform's own topics as a backup keeps them, and the places of the groups that read them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill.codec import Codec
    from tidemill.kafka.headers import Headers
    from tidemill_operations.platform import PlatformView

KEPT: Final = (
    "source_topics", "validator_controls", "retrain_requests", "retrain_runs", "release_commands", "drift_events",
    "model_performance", "model_releases", "model_versions",
)  # fmt: skip
"""Roles of the topics that are backed up, in the order in which they are read and written: what serves comes last, so
that whatever it names has been read. Each record of the others is older than it, or is made again.
"""

MADE_AGAIN: Final[Mapping[str, str]] = {
    "profiles": "of windows of topics that begin anew: *profile* makes those to come",
    "quality_reports": "counts of ranges of topics that begin anew",
    "arm_reports": "counts of a trial, which begins again with its first record",
    "drift_state": "*detect* begins anew with the profiles",
}
"""Roles of the platform's topics that are not backed up, and why not."""

GROUPS: Final = ("validator-", "inference-", "drift-profile-", "trainer-admit", "trainer-release")
"""Whose places are backed up: what a place says of its topic tells each that a topic is another one by now."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic. `event`: its value is an event, in single-object encoding whatever was on the topic; else it
    is as it came.
    """

    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    event: bool = False

    def to_line(self) -> str:
        """As JSON, bytes in base64."""
        said: dict[str, Any] = {
            "partition": self.partition, "offset": self.offset, "at_ms": self.at_ms, "key": _text(self.key),
            "value": _text(self.value), "headers": [[name, _text(data)] for name, data in self.headers],
            "event": self.event,
        }  # fmt: skip
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str) -> Record:
        """What `to_line` gave."""
        said = json.loads(line)
        headers = tuple((name, _bytes(data)) for name, data in said.pop("headers"))
        return cls(**{**said, "key": _bytes(said["key"]), "value": _bytes(said["value"]), "headers": headers})


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What a group has committed of a partition. `metadata`: the text beside the offset, as it stands there."""

    group: str
    topic: str
    partition: int
    offset: int
    metadata: str


def read_records(platform: PlatformView, role: str, own: Codec) -> Iterator[tuple[Record, dict[str, Any] | None]]:
    """The records of a topic up to its end, each with its event where it is one. `own`: encodes without a registry.
    Nothing where the topic does not exist. Raises RetryLater without brokers.
    """
    from tidemill.errors import ConfigError
    from tidemill.kafka.client.scan import scan

    try:
        for batch in scan(platform.settings, platform.topics.name(role)):
            for row in range(len(batch)):
                datum = event_of(platform, role, batch.values[row])
                value = batch.values[row] if datum is None else _encoded(platform, role, own, datum)
                headers = _headers(batch.headers[row])
                at = (batch.partitions[row], batch.offsets[row], batch.timestamps_ms[row])
                yield Record(*at, batch.keys[row], value, headers, datum is not None), datum
    except ConfigError:
        return


def event_of(platform: PlatformView, role: str, value: bytes | None) -> dict[str, Any] | None:
    """The event of a value; None where it is none, or the topic has none."""
    from tidemill.errors import DeadLetter

    if value is None or platform.topics.spec(role).schema is None:
        return None
    try:
        return platform.codec.decode_one(value, platform.schemas.for_topic(role))
    except DeadLetter:
        return None


def read_places(platform: PlatformView) -> list[Place]:
    """What the platform's groups have committed. Raises RetryLater; NotPossible where they may not be asked."""
    from confluent_kafka import KafkaException

    from tidemill.kafka.client.refusals import explain
    from tidemill_operations.standing.lag import Offsets

    offsets = Offsets(platform.settings)
    ours = tuple(platform.topics.group(name) for name in GROUPS)
    try:
        return sorted(
            Place(group, topic, partition, offset, metadata)
            for group in offsets.groups(platform.topics.group(""))
            if group.startswith(ours)
            for (topic, partition), (offset, metadata) in offsets.committed_texts(group).items()
        )
    except KafkaException as error:
        raise NotPossible(
            f"the places of consumer groups cannot be read: {explain(error.args[0])}; `tidemill topics plan "
            "--principal backup=User:NAME` prints the rights of a backup"
        ) from error


def _encoded(platform: PlatformView, role: str, own: Codec, datum: dict[str, Any]) -> bytes:
    return own.encode_one(datum, platform.schemas.for_topic(role))


def _headers(headers: Headers | None) -> tuple[tuple[str, bytes | None], ...]:
    return tuple(
        (name, data if data is None or isinstance(data, bytes) else str(data).encode()) for name, data in headers or ()
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
