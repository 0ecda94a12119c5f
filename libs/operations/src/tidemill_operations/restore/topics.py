"""Records of a backup back onto the platform's topics: all of them in one transaction, or none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tidemill_operations.backup.records import Record, event_of
from tidemill_operations.errors import NotPossible
from tidemill_operations.restore.moved import Moved

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

TRANSACTION_MS: Final = 300_000
"""A transaction of so many records may take."""
Said = tuple[int, bytes | None, Any, tuple[tuple[str, bytes | None], ...]]
"""Partition, key, event or bytes, headers: what of a record is the same wherever it stands."""


@dataclass(slots=True)
class TopicsBack:
    """`records`: by role, as they are to stand. `there`: roles of which they stand there already."""

    platform: PlatformView
    records: dict[str, list[Record]]
    there: set[str] = field(default_factory=set)

    def in_the_way(self) -> list[str]:
        """What stands on the topics and is not the backup's, in words. Raises RetryLater without brokers."""
        found = []
        for role, records in self.records.items():
            now = [self._said(role, record) for record in present(self.platform, role)]
            if now and now == [self._said(role, record) for record in records]:
                self.there.add(role)
            elif now:
                found.append(f"topic {self.platform.topics.name(role)} has {len(now):,} records")
        return found

    def write(self) -> int:
        """Write what is missing; gives how many records. Raises RetryLater, Fenced."""
        from tidemill.kafka.client.publisher import ExclusiveWriter

        outputs = [
            self._output(role, records) for role, records in self.records.items() if records and role not in self.there
        ]
        if not outputs:
            return 0
        settings = self.platform.settings.model_copy(update={"transaction_timeout_ms": TRANSACTION_MS})
        with ExclusiveWriter(settings, self.platform.topics.transactional_id("restore")) as writer:
            writer.open()
            writer.write(outputs)
        return sum(len(output) for output in outputs)

    def _output(self, role: str, records: list[Record]) -> Any:
        from tidemill.kafka.batch import Output

        return Output(
            self.platform.topics.name(role),
            [self._value(role, record) for record in records],
            [record.key for record in records],
            [record.partition for record in records],
            [list(record.headers) or None for record in records],
        )

    def _value(self, role: str, record: Record) -> bytes | None:
        """As this platform writes it: with its registry, where it has one."""
        if not record.event:
            return record.value
        datum = event_of(self.platform, role, record.value)
        if datum is None:
            raise NotPossible(
                f"a record of {role} cannot be read with the schemas that are here: use the release of the backup"
            )
        return self.platform.codec.encode_one(datum, self.platform.schemas.for_topic(role))

    def _said(self, role: str, record: Record) -> Said:
        datum = event_of(self.platform, role, record.value)
        return record.partition, record.key, record.value if datum is None else datum, record.headers


def present(platform: PlatformView, role: str) -> list[Record]:
    """What stands on a topic now, by partition and offset; nothing where there is none."""
    from tidemill.codec import Codec
    from tidemill_operations.backup.records import read_records

    found = [record for record, _ in read_records(platform, role, Codec(platform.schemas))]
    return sorted(found, key=lambda record: (record.partition, record.offset))


def as_they_are_now(
    platform: PlatformView, records: dict[str, list[Record]], serving: Collection[str], to: Moved, anew: set[str]
) -> dict[str, list[Record]]:
    """The records of a backup with the addresses of now. `serving`: models of which a version served. `anew`: models
    whose clean topic is another one than it was: there prediction begins with the first record, whatever the offsets
    were.
    """
    from tidemill.codec import Codec

    own = Codec(platform.schemas)

    def now(role: str, record: Record) -> Record:
        datum = event_of(platform, role, record.value) if record.event else None
        if datum is None:
            return record
        said = to.value(datum)
        first = role == "model_versions" or (role == "retrain_runs" and said["model"] not in serving)
        if first and said["model"] in anew:
            said["start_offsets"] = [0] * len(said["start_offsets"])
        return replace(record, value=own.encode_one(said, platform.schemas.for_topic(role)))

    return {
        role: sorted((now(role, record) for record in found), key=lambda record: (record.partition, record.offset))
        for role, found in records.items()
    }
