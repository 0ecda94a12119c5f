"""The limit: the same records read with the same client and decoded into the same columns, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.drift.events import MODEL, ROLES
from benchmarks.rivals.watching import Stopwatch
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.clients import consumer_config
from tidemill.settings import CommonSettings


def run(bootstrap: str, folder: str, records: str, partitions: str, batch: str, *topics: str) -> None:
    """`topics`: of clean, predictions and labels. Ends when all `records` are decoded."""
    schemas = SchemaCatalog.load(Path(folder) / "schemas", load_models(Path(folder) / "models"))
    codec, stopwatch = Codec(schemas), Stopwatch(int(records))
    readers = dict(zip(topics, (schemas.for_topic(role, MODEL) for role in ROLES), strict=True))
    consumer = Consumer(consumer_config(CommonSettings(kafka_bootstrap=bootstrap), "bench-decoding"))
    consumer.assign([TopicPartition(name, n, OFFSET_BEGINNING) for name in topics for n in range(int(partitions))])
    done = False
    while not done:
        messages = consumer.consume(int(batch), 0.5)
        for of_topic in Batch.from_messages(messages):
            decoded = codec.decode(of_topic.values, readers[of_topic.topic])
            for _ in range(decoded.rows.num_rows):
                done = stopwatch.note() or done
    consumer.close()


if __name__ == "__main__":
    run(*sys.argv[1:])
