"""A broker of the benchmark's own, a contract with its model(s), topics, and reading back what was written."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.events import HERE, MODEL, encoded, payments
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.bounded import groupless_consumer, partitions_of, watermarks
from tidemill.kafka.client.clients import admin, producer_config
from tidemill.kafka.client.producing import produce_all
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.kafka.headers import TRACEPARENT
from tidemill.settings import CommonSettings

ROOT = HERE.parent
VAR = ROOT / "var" / "bench"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
CHUNK = 50_000
FILL_S = 120.0
PRIVACY_KEY = "privacy.key"


@dataclass(frozen=True, slots=True)
class World:
    """One contract folder and one broker; every measured run has a prefix of its own."""

    bootstrap: str
    folder: Path
    models: tuple[str, ...]
    schemas: SchemaCatalog
    codec: Codec

    def settings(self, prefix: str) -> CommonSettings:
        """Settings of any client, as a service would have them."""
        return CommonSettings(
            kafka_bootstrap=self.bootstrap,
            prefix=prefix,
            schemas=self.folder / "schemas",
            models_dir=self.folder / "models",
            log_level="ERROR",
        )

    def topics(self, prefix: str) -> TopicCatalog:
        return TopicCatalog.load(self.folder / "schemas", prefix)

    def create(self, prefix: str, partitions: int, more: Sequence[str] = ()) -> TopicCatalog:
        """The platform's topics, and `more` of the same kind (full names)."""
        catalog = self.topics(prefix)
        client = admin(self.settings(prefix))
        ensure_topics(client, catalog, self.models, partitions)
        if more:
            config = {"message.timestamp.type": "LogAppendTime"}
            for future in client.create_topics([NewTopic(n, partitions, 1, config=config) for n in more]).values():
                future.result(30)
        return catalog

    def drop(self, prefix: str) -> None:
        """Delete every topic with this prefix."""
        client: AdminClient = admin(self.settings(prefix))
        names = [name for name in client.list_topics(timeout=10).topics if name.startswith(prefix)]
        for future in client.delete_topics(names).values():
            future.result(30)

    def fill(self, topic: str, n: int, partitions: int, *, model: str = MODEL, first: int = 0) -> None:
        """Write `n` payments with a trace header to `topic`, in turn over its partitions; 50,000 at a time."""
        over = {"batch_size": 200_000, "compression_type": "none"}  # aiokafka and Faust read lz4 only with an extra
        producer = Producer(producer_config(self.settings(""), **over))
        trace = [(TRACEPARENT, TRACE)]
        for start in range(first, first + n, CHUNK):
            size = min(CHUNK, first + n - start)
            keys, values = encoded(payments(size, first=start), self.codec, self.schemas.record(model))
            numbers = [k % partitions for k in range(size)]
            output = Output(topic, values, keys, numbers, list(repeat(trace, size)))
            produce_all(producer, [output], time.monotonic() + FILL_S)
        if producer.flush(FILL_S):
            raise RuntimeError(f"{topic} could not be filled")

    def end_of(self, *names: str) -> int:
        """Sum of all ends (of committed records); transaction markers count too."""
        consumer = groupless_consumer(self.settings(""), "bench-ends")
        try:
            return sum(
                end for name in names for _, end in watermarks(consumer, name, partitions_of(consumer, name)).values()
            )
        finally:
            consumer.close()

    def written(self, *names: str) -> Written:
        """Everything committed on topics."""
        times: list[int] = []
        size = 0
        for name in names:
            for batch in scan(self.settings(""), name):
                times += batch.timestamps_ms
                size += sum(len(value or b"") for value in batch.values)
        return Written.of(times, size)


@dataclass(frozen=True, slots=True)
class Written:
    """Count of records on a topic and how fast they came, by the broker's own clock (`LogAppendTime`)."""

    records: int
    bytes: int
    rate: float

    @classmethod
    def of(cls, times_ms: Sequence[int], size: int) -> Written:
        """The rate from the moment at which a tenth was there to the last append, without what was there by then.

        So the start of a process, its joining of the group and its first fetch do not count, for anybody; nor does
        the first burst of whoever works for a while and then writes all at once.
        """
        if not times_ms:
            return cls(0, 0, 0.0)
        times = sorted(times_ms)
        begin = times[len(times) // 10]
        later = sum(1 for at in times if at > begin)
        return cls(len(times), size, later * 1000 / max(1, times[-1] - begin))


@contextmanager
def world(
    models: int = 1, *, privacy: bool = False, laid_out: Callable[[Path], tuple[str, ...]] | None = None
) -> Iterator[World]:
    """Start a broker and lay out a contract with `models` copies of the model, or the one that `laid_out` writes and
    names; all of it goes at the end.
    """
    from tidemill_embedded.broker.broker import Broker

    VAR.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="world-", dir=VAR))
    try:
        names = laid_out(folder) if laid_out else contract(folder, models, privacy=privacy)
        specs = load_models(folder / "models")
        schemas = SchemaCatalog.load(folder / "schemas", specs)
        with Broker(folder / "kafka") as broker:
            yield World(broker.bootstrap, folder, names, schemas, Codec(schemas))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def contract(folder: Path, models: int, *, privacy: bool = False) -> tuple[str, ...]:
    """Write `schemas/` and `models/` below `folder`: the platform's, and the benchmark's model so many times."""
    shutil.copytree(ROOT / "schemas", folder / "schemas")
    (folder / "models").mkdir()
    text = (HERE / "model" / "payments.yaml").read_text()
    avsc = (HERE / "model" / "payments.avsc").read_text()
    if privacy:
        (folder / PRIVACY_KEY).write_bytes(os.urandom(32))
    names = (MODEL, *(f"{MODEL}-{k:02d}" for k in range(1, models)))
    for name in names:
        changed = text.replace(f"model: {MODEL}", f"model: {name}").replace("payments.avsc", f"{name}.avsc")
        if privacy:
            changed += "\nprivacy:\n  card: hash\n  terminal: mask\n"
        (folder / "models" / f"{name}.yaml").write_text(changed)
        (folder / "schemas" / "models" / f"{name}.avsc").write_text(avsc)
    return names
