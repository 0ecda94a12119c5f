"""The embedded broker keeps what it acknowledged, and takes another port where its own is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.polling import until
from tidemill.kafka.client.clients import admin, consumer_config, producer_config
from tidemill.settings import KafkaSettings
from tidemill_embedded.broker.broker import Broker
from tidemill_embedded.cleanup import delete_prefixed
from tidemill_embedded.ports import HOST

TOPIC = "kept"
RECORDS = 500


def client(broker: Broker) -> AdminClient:
    return admin(KafkaSettings(kafka_bootstrap=broker.bootstrap))


def write(broker: Broker) -> None:
    cluster = client(broker)  # held on to: a client that is dropped ends its requests
    cluster.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result()
    producer = Producer(producer_config(KafkaSettings(kafka_bootstrap=broker.bootstrap)))
    for number in range(RECORDS):
        producer.produce(TOPIC, str(number).encode())
    assert producer.flush(30) == 0


def read(broker: Broker) -> list[int]:
    config = consumer_config(KafkaSettings(kafka_bootstrap=broker.bootstrap), "reader")
    consumer = Consumer(config | {"auto.offset.reset": "earliest", "enable.partition.eof": False})
    consumer.subscribe([TOPIC])
    found: list[int] = []

    def all_there() -> bool:
        for message in consumer.consume(RECORDS, timeout=0.5):
            assert message.error() is None, message.error()
            found.append(int(message.value()))
        return len(found) >= RECORDS

    try:
        until(all_there, 60, "all records are read")
    finally:
        consumer.close()
    return sorted(found)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_broker_that_comes_back_has_all_that_it_acknowledged(ending: str, tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        write(broker)
        getattr(broker, ending)()
        address = broker.bootstrap
        broker.start()
        assert broker.bootstrap == address
        assert read(broker) == list(range(RECORDS))


def test_a_taken_port_is_replaced_by_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with Broker(tmp_path, taken) as broker:
            assert broker.bootstrap != f"{HOST}:{taken}"
            assert client(broker).list_topics(timeout=10).brokers


def test_topics_are_stamped_on_arrival_and_never_made_by_accident(kafka: str) -> None:
    from confluent_kafka.admin import ConfigResource, ResourceType

    resource = ConfigResource(ResourceType.BROKER, "1")
    cluster = admin(KafkaSettings(kafka_bootstrap=kafka))
    settings = cluster.describe_configs([resource])[resource].result()
    assert settings["log.message.timestamp.type"].value == "LogAppendTime"
    assert settings["auto.create.topics.enable"].value == "false"


def test_only_what_has_the_prefix_is_cleaned_up(kafka: str, prefix: str) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, prefix=f"{prefix}mine-")
    cluster = admin(settings)
    names = [f"{prefix}mine-a", f"{prefix}mine-b", f"{prefix}other"]
    for made in cluster.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        made.result()
    until(lambda: set(names) <= set(cluster.list_topics(timeout=10).topics), 60, "the topics are visible")
    assert delete_prefixed(settings) == names[:2]
    until(lambda: not set(names[:2]) & set(cluster.list_topics(timeout=10).topics), 60, "they are gone")
    assert names[2] in cluster.list_topics(timeout=10).topics


def test_without_a_prefix_nothing_is_cleaned_up(kafka: str) -> None:
    with pytest.raises(ValueError, match="every topic"):
        delete_prefixed(KafkaSettings(kafka_bootstrap=kafka))
