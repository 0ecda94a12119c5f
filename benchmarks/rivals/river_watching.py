"""A loop over a consumer's records with river, as its guide has it. Without a group: nothing is committed."""

from __future__ import annotations

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.rivals.watching import ROLES, Stopwatch, Watch

BATCH = 5_000


def run(bootstrap: str, folder: str, model: str, records: str, partitions: str, *topics: str) -> None:
    """`topics`: of clean, predictions and labels. Ends when all `records` are there."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "river", "enable.auto.commit": False})
    places = [TopicPartition(name, n, OFFSET_BEGINNING) for name in topics for n in range(int(partitions))]
    consumer.assign(places)
    watch, stopwatch, roles = Watch(folder, model), Stopwatch(int(records)), dict(zip(topics, ROLES, strict=True))
    done = False
    while not done:
        for message in consumer.consume(BATCH, 1.0):
            watch.take(roles[str(message.topic())], message.value() or b"")
            done = stopwatch.note() or done
    consumer.close()


if __name__ == "__main__":
    run(*sys.argv[1:])
