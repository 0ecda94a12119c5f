"""How far consumer groups are behind, counted as KEDA counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Lags:
    """`groups`: by name, a consumer group and its topic. A partition that was never committed lags by all it holds."""

    admin: AdminClient
    groups: Mapping[str, tuple[str, str]]

    def now(self, name: str) -> int:
        """Records that the group has not committed. Raises KafkaException where the brokers do not answer."""
        group, topic = self.groups[name]
        count = len(self.admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions)
        asked = [TopicPartition(topic, number) for number in range(count)]
        ends = self.admin.list_offsets({one: OffsetSpec.latest() for one in asked})
        (said,) = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, asked)]).values()
        committed = {one.partition: max(0, one.offset) for one in said.result(TIMEOUT_S).topic_partitions}
        end = {one.partition: future.result(TIMEOUT_S).offset for one, future in ends.items()}
        return sum(max(0, end[number] - committed.get(number, 0)) for number in range(count))
