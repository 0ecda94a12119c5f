"""A model's path made by hand: topics as workers would have left them, or as they never should; and the command."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.support.models.toy_models import publish_toy
from tests.support.processes import service_process
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import bounds
from tidemill.kafka.client.topics import ensure_topics
from tidemill.kafka.dead_letters import dead_letter_headers
from tidemill.kafka.headers import ORIGIN, origin
from tidemill.settings import CommonSettings
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing import groups

MODEL = "flight-delay"
PARTITIONS = 2
AT_MS = 1_760_000_000_000


@dataclass
class AuditWorld:
    """Topics of one model with a prefix of their own. All records go to partition 0, unless said otherwise."""

    view: PlatformView
    folder: Path
    made: dict[str, int] = field(default_factory=dict)

    @classmethod
    def make(cls, kafka: str, prefix: str, root: Path, folder: Path) -> AuditWorld:
        settings = CommonSettings(
            kafka_bootstrap=kafka, prefix=prefix, schemas=root / "schemas", models_dir=root / "models", models=(MODEL,),
            partitions=PARTITIONS,
        )  # fmt: skip
        view = PlatformView(settings, {})
        ensure_topics(admin(settings), view.topics, [MODEL], PARTITIONS)
        return cls(view, folder)

    def name(self, role: str) -> str:
        return self.view.topics.name(role, MODEL)

    def write(self, role: str, values: Sequence[bytes | None], headers: Any = None, partition: int = 0) -> None:
        with Publisher(self.view.settings) as publisher:
            publisher.publish_all([Output(self.name(role), values, [b"k"] * len(values), partition, headers)])

    def raw(self, count: int) -> None:
        self.write("raw", [b"raw"] * count)

    def clean(self, offsets: Sequence[int], partition: int = 0) -> None:
        """Records that say they were made of these offsets of raw."""
        headers = [[(ORIGIN, origin(self.name("raw"), 0, at))] for at in offsets]
        self.write("clean", [b"clean"] * len(offsets), headers, partition)

    def dead(self, offsets: Sequence[int]) -> None:
        headers = [dead_letter_headers(self.name("raw"), 0, at, "MalformedRecord", "no") for at in offsets]
        self.write("raw_dlq", [b"raw"] * len(offsets), headers)

    def predictions(self, offsets: Sequence[int], epochs: Sequence[int] | None = None) -> None:
        """Predictions of these offsets of clean."""
        n = len(offsets)
        rows = pa.record_batch(
            {
                "prediction_id": [f"p{k}" for k in offsets],
                "event_id": [f"e{k}" for k in offsets],
                "model": [MODEL] * n,
                "source": ["stream"] * n,
                "event_time": pa.array([AT_MS] * n, pa.timestamp("ms", tz="UTC")),
                "predicted_at": pa.array([AT_MS] * n, pa.timestamp("ms", tz="UTC")),
                "version": pa.array([1] * n, pa.int32()),
                "epoch": pa.array(epochs or [1] * n, pa.int64()),
                "arm": ["champion"] * n,
                "probability": [0.5] * n,
                "input_partition": pa.array([0] * n, pa.int32()),
                "input_offset": pa.array(list(offsets), pa.int64()),
                "input": pa.array([None] * n, pa.binary()),
            }
        )
        self.write("predictions", self.view.codec.encode(rows, self.view.schemas.prediction(MODEL)))

    def release(self) -> None:
        event = publish_toy(self.folder.as_uri(), MODEL, 1, feature="distance", start_offsets=(0,) * PARTITIONS)
        value = self.view.codec.encode_one(event.to_dict(), self.view.schemas.platform("model-version"))
        with Publisher(self.view.settings) as publisher:
            publisher.publish(self.view.topics.name("model_versions"), value, key=MODEL.encode())

    def worked(self, **upto: int) -> None:
        """The workers have passed these records: all of `raw` and `clean`, or so many of partition 0."""
        client = admin(self.view.settings)
        for role, group in (("raw", groups.VALIDATOR), ("clean", groups.STREAM)):
            ends = {n: high for n, (_, high) in bounds(self.view.settings, self.name(role)).items()}
            ends |= {0: upto[role]} if role in upto else {}
            offsets = [TopicPartition(self.name(role), n, at) for n, at in ends.items()]
            request = [ConsumerGroupTopicPartitions(self.view.topics.group(group), offsets)]
            for future in client.alter_consumer_group_offsets(request, request_timeout=20.0).values():
                future.result()

    def run(self, *arguments: str, **over: object) -> subprocess.CompletedProcess[str]:
        """`tidemill audit ...` as a person would call it."""
        settings = self.view.settings
        given = {
            "kafka_bootstrap": settings.kafka_bootstrap, "prefix": settings.prefix, "schemas": settings.schemas,
            "models_dir": settings.models_dir, "models": MODEL, **over,
        }  # fmt: skip
        return service_process.run("audit", *arguments, env=service_process.environment(given), timeout_s=120)
