"""Dead letters on a broker, and the command line as processes."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import service_process
from tidemill.contracts.model_file import load_models
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.bounded import groupless_consumer, watermarks
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.kafka.dead_letters import dead_letter_headers, is_resolution
from tidemill.kafka.headers import Headers
from tidemill.settings import CommonSettings

MODEL = "flight-delay"
PARTITIONS = 4


@dataclass
class DeadLetterWorld:
    """Topics of one model with a prefix of their own."""

    settings: CommonSettings
    topics: TopicCatalog

    @classmethod
    def make(cls, kafka: str, prefix: str, root: Path) -> DeadLetterWorld:
        settings = CommonSettings(
            kafka_bootstrap=kafka, prefix=prefix, schemas=root / "schemas", models_dir=root / "models", models=(MODEL,)
        )
        models = load_models(settings.models_dir, settings.models)
        topics = TopicCatalog.load(settings.schemas, prefix, models)
        ensure_topics(admin(settings), topics, [MODEL], PARTITIONS)
        return cls(settings, topics)

    def set_aside(self, count: int, reason: str = "MalformedRecord", headers: Headers | None = None) -> None:
        """Dead letters number 0, 1, … with that number as value, key `kN` for the remainder of 7."""
        raw = self.topics.name("raw", MODEL)
        outputs = Output(
            self.topics.name("raw_dlq", MODEL),
            [b"%d" % k for k in range(count)],
            [b"k%d" % (k % 7) for k in range(count)],
            [k % PARTITIONS for k in range(count)],
            [[*(headers or ()), *dead_letter_headers(raw, k % PARTITIONS, k, reason, "no")] for k in range(count)],
        )
        with Publisher(self.settings) as publisher:
            publisher.publish_all([outputs])

    def raw(self) -> list[tuple[int, bytes | None, bytes | None, Headers | None]]:
        """(partition, key, value, headers) of every committed record on raw."""
        return [
            (batch.partitions[k], batch.keys[k], batch.values[k], batch.headers[k])
            for batch in scan(self.settings, self.topics.name("raw", MODEL))
            for k in range(len(batch))
        ]

    def resolutions(self) -> Counter[bytes]:
        """What the committed resolutions resolve."""
        return Counter(
            dict(headers or ())["tidemill.resolves"] or b""
            for batch in scan(self.settings, self.topics.name("raw_dlq", MODEL))
            for headers in batch.headers
            if is_resolution(headers)
        )

    def uncommitted(self) -> int:
        """Records on raw, those of aborted and of open transactions included."""
        return sum(map(len, scan(self.settings, self.topics.name("raw", MODEL), read_uncommitted=True)))

    @contextmanager
    def raw_end(self) -> Iterator[Callable[[], int]]:
        """A quick look at how much is on raw: the sum of its ends, transactions that are open included."""
        consumer = groupless_consumer(self.settings, "test", isolation_level="read_uncommitted")
        topic = self.topics.name("raw", MODEL)
        try:
            yield lambda: sum(high for _, high in watermarks(consumer, topic, range(PARTITIONS)).values())
        finally:
            consumer.close()

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """`tidemill dlq ...` as a process."""
        given = {
            "kafka_bootstrap": self.settings.kafka_bootstrap, "prefix": self.settings.prefix,
            "schemas": self.settings.schemas, "models_dir": self.settings.models_dir, "models": MODEL,
        }  # fmt: skip
        env = service_process.environment(given)
        outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return service_process.start(service_process.CLI, "dlq", *arguments, env=env, **outputs)

    def run(self, *arguments: str) -> str:
        """The same, to its end; its output."""
        process = self.spawn(*arguments)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return output
