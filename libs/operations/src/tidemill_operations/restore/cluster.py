"""The cluster that a platform is restored to: nobody at work, and its topics there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidemill_operations.backup.document import Backup, TopicFacts
from tidemill_operations.backup.records import GROUPS
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

MEMBERS: Final = (*GROUPS, "drift-detect-")
TIMEOUT_S: Final = 10.0


def ensure_stopped(platform: PlatformView) -> None:
    """Raises NotPossible where services of the platform are at work, as far as groups tell; RetryLater without
    brokers.
    """
    from confluent_kafka import KafkaException

    from tidemill.kafka.client.clients import admin
    from tidemill_operations.reach import ensure_reachable
    from tidemill_operations.standing.lag import Offsets

    ensure_reachable(platform.settings)
    ours = tuple(platform.topics.group(name) for name in MEMBERS)
    names = [name for name in Offsets(platform.settings).groups(platform.topics.group("")) if name.startswith(ours)]
    client, busy = admin(platform.settings), []
    for name, future in (client.describe_consumer_groups(names, request_timeout=TIMEOUT_S) if names else {}).items():
        try:
            if future.result().members:
                busy.append(name)
        except KafkaException:
            continue  # it is gone by now, or of another kind: it has no members that commit
    if busy:
        raise NotPossible(
            f"services are at work ({', '.join(sorted(busy))}): stop all of them but Kafka, restore, and "
            "start them again"
        )


def facts_now(platform: PlatformView) -> dict[str, TopicFacts]:
    """The platform's topics as they are. Raises RetryLater without brokers."""
    from tidemill_operations.standing.lag import Offsets

    offsets = Offsets(platform.settings)
    topics = list(platform.topics.all_topics(platform.models))
    for model in platform.models:
        topics += platform.topics.external_topics(model).values()
    counts = offsets.partitions(topics)
    ids = offsets.topic_ids(counts)
    return {topic: TopicFacts(ids[topic], count) for topic, count in sorted(counts.items())}


def models_anew(platform: PlatformView, backup: Backup) -> set[str]:
    """Models whose clean topic is another one than at the backup."""
    now, found = facts_now(platform), set()
    for model in platform.models:
        topic = platform.topics.name("clean", model)
        before = backup.topics.get(topic)
        if before is None or topic not in now or not now[topic].id or now[topic].id != before.id:
            found.add(model)
    return found


def ensure_topics(platform: PlatformView, backup: Backup) -> None:
    """Make the topics that are missing, those of models with as many partitions as they had. Raises NotPossible where
    they may not be made, or are there with other numbers of partitions.
    """
    from tidemill.kafka.client.clients import admin
    from tidemill_operations.provision.cluster import await_visible, create, existing_topics
    from tidemill_operations.provision.wanted import Kind, compare, wanted_topics

    catalog, models = platform.topics, list(platform.models)
    counts = {
        model: backup.topics[name].partitions
        for model in models
        if (name := catalog.name("clean", model)) in backup.topics
    }
    wanted = wanted_topics(catalog, models, platform.settings.partitions, platform.settings.replication_factor, counts)
    client = admin(platform.settings)
    changes = compare(wanted, existing_topics(client, [topic.name for topic in wanted]))
    in_the_way = [f"{change.topic.name} {change.detail}" for change in changes if change.kind is Kind.CONFLICT]
    if in_the_way:
        raise NotPossible("; ".join(in_the_way))
    refused = create(client, changes)
    if refused:
        told = "; ".join(f"{topic}: {why}" for topic, why in sorted(refused.items()))
        raise NotPossible(
            f"topics are missing and may not be made here: {told}; `tidemill topics apply` writes a script"
        )
    await_visible(client, [change.topic.name for change in changes if change.kind is Kind.CREATE])
