"""Creating the platform's topics, and refusing those that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic

from tests.support.polling import until
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import check_equal_partitions, ensure_topics, partition_counts
from tidemill.settings import KafkaSettings


def test_all_topics_are_created_once_and_are_equal_within_a_model(kafka: str, prefix: str, root: Path) -> None:
    client = admin(KafkaSettings(kafka_bootstrap=kafka, prefix=prefix))
    catalog = TopicCatalog.load(root / "schemas", prefix)
    created = ensure_topics(client, catalog, ["m"], 3)
    assert created.keys() == catalog.all_topics(["m"]).keys()
    assert created[catalog.name("raw", "m")] == 3
    assert created[catalog.name("model_versions")] == 1
    assert ensure_topics(client, catalog, ["m"], 3) == created
    assert check_equal_partitions(client, catalog, ["m"]) == {"m": 3}
    with pytest.raises(ConfigError, match="TIDEMILL_PARTITIONS"):
        ensure_topics(client, catalog, ["m"], 4)


def test_topics_of_a_model_that_are_missing_or_unequal_are_named(kafka: str, prefix: str, root: Path) -> None:
    client = admin(KafkaSettings(kafka_bootstrap=kafka, prefix=prefix))
    catalog = TopicCatalog.load(root / "schemas", prefix)
    with pytest.raises(ConfigError, match="missing"):
        check_equal_partitions(client, catalog, ["m"])
    odd = catalog.name("clean", "m")
    client.create_topics([NewTopic(odd, 2, 1)])[odd].result()
    until(lambda: bool(partition_counts(client, [odd])), 60, "the odd one is seen")
    with pytest.raises(ConfigError, match=f"{odd} has 2, not 3"):
        ensure_topics(client, catalog, ["m"], 3)


def test_topics_get_the_replicas_that_are_asked_for_or_are_refused(kafka: str, prefix: str, root: Path) -> None:
    client = admin(KafkaSettings(kafka_bootstrap=kafka, prefix=prefix))
    catalog = TopicCatalog.load(root / "schemas", prefix)
    more_than_brokers = len(client.list_topics(timeout=10).brokers) + 1
    with pytest.raises(ConfigError, match="replication factor"):
        ensure_topics(client, catalog, ["m"], 1, replication=more_than_brokers)
    assert ensure_topics(client, catalog, ["m"], 1, replication=1)
