"""The limit: an exactly-once loop that does nothing, with the same client, batches and transactions as ours.

Reads a topic and writes each record on: its key, its partition number, its headers and an origin header as long as
ours; its own value, or one constant value of a given size. One transaction per batch.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence

from confluent_kafka import Consumer, Producer, TopicPartition

from tidemill.kafka.client.clients import consumer_config, producer_config
from tidemill.kafka.headers import ORIGIN
from tidemill.settings import KafkaSettings

TIMEOUT_S = 10.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--linger-s", type=float, required=True)
    parser.add_argument("--size", type=int, default=0, help="bytes of each value; 0: the record's own")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = KafkaSettings(kafka_bootstrap=options.bootstrap)
    consumer = Consumer(consumer_config(settings, f"{options.target}-group"))
    producer = Producer(producer_config(settings, f"{options.target}-id"))
    producer.init_transactions(TIMEOUT_S)
    consumer.subscribe([options.source])
    try:
        turn(consumer, producer, options, stop)
    finally:
        consumer.close()


def turn(consumer: Consumer, producer: Producer, options: argparse.Namespace, stop: threading.Event) -> None:
    """Consume, produce, commit, until told to stop."""
    target, produce, constant = options.target, producer.produce, bytes(options.size)
    while not stop.is_set():
        messages = [m for m in consumer.consume(options.batch, options.linger_s) if m.error() is None]
        if not messages:
            continue
        metadata = consumer.consumer_group_metadata()
        producer.begin_transaction()
        origin = (ORIGIN, f"{options.source}/0/{messages[0].offset()}".encode())
        for m in messages:
            headers = [*(m.headers() or ()), origin]
            produce(target, constant or m.value(), m.key(), m.partition(), None, None, 0, headers)
        held = [TopicPartition(tp.topic, tp.partition) for tp in consumer.assignment()]
        moved = [tp for tp in consumer.position(held) if tp.offset >= 0]
        producer.send_offsets_to_transaction(moved, metadata, TIMEOUT_S)
        producer.commit_transaction(TIMEOUT_S)


if __name__ == "__main__":
    main()
