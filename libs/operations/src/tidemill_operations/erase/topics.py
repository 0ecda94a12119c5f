"""What a model's topics hold of an entity, and what becomes of it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill.errors import ConfigError, FatalError, RetryLater
from tidemill_operations.erase.records import Matches, TopicReader, Wanted, mentions, roles
from tidemill_operations.erase.report import Holding, State

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView

Told = Callable[[str], None]
"""Is told which topic is read."""
SEGMENT_MS = 7 * 24 * 3_600_000
"""Kafka's `segment.ms` where brokers do not tell theirs."""

SLACK_MS = 6 * 60_000
"""Brokers look every five minutes (`log.retention.check.interval.ms`) and delete a file a minute after that
(`file.delete.delay.ms`).
"""

SHORT = 6
"""Characters: shorter texts are found in bytes by chance."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a topic holds. `external`: it is someone else's."""

    role: str
    matches: Matches
    external: bool


def find_records(platform: PlatformView, spec: ModelSpec, wanted: Wanted, told: Told) -> list[Found]:
    """Reads all topics of the model; the ids of the entity's events are added to what is wanted. Raises RetryLater."""
    reader = TopicReader(platform, spec, wanted)
    found = []
    for role in roles():
        told(platform.topics.name(role, spec.name))
        try:
            matches = reader.find(role)
        except ConfigError:
            continue  # there is no such topic
        if matches.count:
            found.append(Found(role, matches, platform.topics.is_external(role, spec.name)))
    return found


def find_mentions(platform: PlatformView, texts: frozenset[str], told: Told) -> list[Found]:
    """What the topics of all models say of it. An entity that is a feature is a category whose counts are told; else a
    person may have named it.
    """
    found = []
    for role, topic in platform.topics.platform_topics().items():
        told(topic)
        try:
            matches = mentions(platform, role, texts)
        except ConfigError:
            continue
        if matches.count:
            found.append(Found(role, matches, external=False))
    return found


def configs(platform: PlatformView, topics: list[str]) -> dict[str, Mapping[str, str]]:
    """Each topic's settings as brokers tell them, else as the contract has them. Raises RetryLater."""
    from tidemill.kafka.client.clients import admin
    from tidemill_operations.provision.cluster import existing_topics

    there = existing_topics(admin(platform.settings), topics)
    roles_of = platform.topics.all_topics(platform.models)
    found: dict[str, Mapping[str, str]] = {}
    for topic in topics:
        told = there[topic].config if topic in there else None
        role = roles_of.get(topic, ("", None))[0]
        found[topic] = told if told is not None else platform.topics.spec(role).config if role else {}
    return found


def settle(platform: PlatformView, found: list[Found], *, dry_run: bool) -> Iterator[Holding]:
    """What becomes of the entity's own records: a tombstone for each key where a topic is compacted, else the day by
    which retention has them.
    """
    known = configs(platform, [one.matches.topic for one in found])
    for one in found:
        config = known[one.matches.topic]
        if one.external:
            yield _of_others(one)
        elif is_compacted(config):
            yield _buried(platform, one, dry_run)
        else:
            yield _waiting(one, config, "a tombstone erases nothing on a topic that is not compacted")


def settle_mentions(platform: PlatformView, found: list[Found], texts: frozenset[str]) -> Iterator[Holding]:
    """What becomes of records that are of others, or of all, and in which the entity is named."""
    known = configs(platform, [one.matches.topic for one in found])
    chance = "" if min(map(len, texts)) >= SHORT else " (a short name: these bytes may be something else)"
    for one in found:
        yield _waiting(one, known[one.matches.topic], f"it is named there{chance}")


def _buried(platform: PlatformView, one: Found, dry_run: bool) -> Holding:
    from tidemill.kafka.batch import Output
    from tidemill.kafka.client.publisher import Publisher

    topic = one.matches.topic
    keys = sorted(key for key, buried in one.matches.keys.items() if not buried)
    where = f"topic {topic}"
    if keys and not dry_run:
        try:
            with Publisher(platform.settings, name="erase") as publisher:
                publisher.publish_all(
                    [Output(topic, [None] * len(keys), [key for _, key in keys], [number for number, _ in keys])]
                )
        except (RetryLater, FatalError) as error:
            cure = "let this principal write there (`tidemill topics plan` prints rights), and run it again"
            return Holding(
                where=where, state=State.REMAINS, count=one.matches.count, what="records", cure=cure,
                why=f"no tombstone could be written: {error}",
            )  # fmt: skip
    return Holding(
        where=where, state=State.WAITS, count=one.matches.count, what="records",
        why=f"it is compacted: each of {len(one.matches.keys):,} keys {'would get' if dry_run else 'has'} a tombstone, "
        "and the brokers' cleaner takes the records when it next comes, and the tombstones later "
        "(min.cleanable.dirty.ratio, max.compaction.lag.ms, delete.retention.ms)",
        cure="run it again after that: it says when none is left",
    )  # fmt: skip


def _of_others(one: Found) -> Holding:
    return Holding(
        where=f"topic {one.matches.topic}", state=State.REMAINS, count=one.matches.count, what="records",
        why="the topic is someone else's", cure="whoever owns it erases it there; then run it here again",
    )  # fmt: skip


def _waiting(one: Found, config: Mapping[str, str], why: str) -> Holding:
    until = gone_by(one.matches.newest_ms, config)
    where = f"topic {one.matches.topic}"
    if until is None or is_compacted(config):
        return Holding(
            where=where, state=State.REMAINS, count=one.matches.count, what="records",
            why=f"{why}, and this one keeps records for ever",
            cure="look at them with a Kafka client; the state of a compacted topic goes with its next record",
        )  # fmt: skip
    return Holding(where=where, state=State.WAITS, count=one.matches.count, what="records", until_ms=until, why=why)


def gone_by(newest_ms: int, config: Mapping[str, str]) -> int | None:
    """When a record of this age is gone at the latest, Unix ms; None where the topic keeps it for ever.

    Brokers remove whole segments, once the newest record in them is older than the retention: one that was written
    just after ours may come `segment.ms` later. `config`: of the topic, as brokers tell it.
    """
    retention = int(config.get("retention.ms") or -1)
    if retention < 0:
        return None
    return newest_ms + int(config.get("segment.ms") or SEGMENT_MS) + retention + SLACK_MS


def is_compacted(config: Mapping[str, str]) -> bool:
    """Whether a record without a value takes those before it with the same key away."""
    return "compact" in (config.get("cleanup.policy") or "").split(",")
