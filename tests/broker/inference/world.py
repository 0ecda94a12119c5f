"""A platform around the inference service: topics, clean records, versions, workers as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

from tests.support.kafka.timeouts import SESSION_MS
from tests.support.models.plain_models import plain_models
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.kafka.headers import TRACEPARENT
from tidemill.settings import CommonSettings

MODEL = "flight-delay"
FEATURE = "distance"
PARTITIONS = 2
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@dataclass
class Process:
    """A service as a process; its log lines are kept."""

    popen: subprocess.Popen[str]
    log: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            with self.log.open("a") as log:
                log.write(line)
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.rest.append(line)

    def address(self) -> str:
        """Where it listens, once it says so."""
        found = until(
            lambda: [line for line in self.lines if line["message"] == "listening"] or self.popen.poll() is not None,
            30,
            "the service listens",
        )
        assert isinstance(found, list), self.told()
        return str(found[0]["address"])

    def kill(self) -> None:
        """SIGKILL."""
        self.popen.kill()
        self.popen.wait(60)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)

    def told(self) -> str:
        """The log, for a failed assertion."""
        return "\n".join([*(str(line) for line in self.lines[-30:]), *self.rest[-30:]])


class World:
    """One prefix on the broker with the topics of the flight model, or of models like it under other names."""

    def __init__(self, root: Path, kafka: str, prefix: str, folder: Path, names: Sequence[str] = (MODEL,)) -> None:
        self._root = root
        self.names = tuple(names)
        models = plain_models(root / "models", folder, MODEL)
        _copy_model(models, self.names)
        self.settings = CommonSettings(
            kafka_bootstrap=kafka, prefix=prefix, schemas=root / "schemas", models_dir=models
        )
        self._folder = folder
        self.artifacts = self.store = folder.as_uri()
        """Where versions are written, and where services read them."""
        specs = load_models(self.settings.models_dir, only=self.names)
        self.topics = TopicCatalog.load(self.settings.schemas, prefix, specs)
        self.schemas = SchemaCatalog.load(self.settings.schemas, specs)
        self.codec = Codec(self.schemas)
        self.publisher = Publisher(self.settings)
        self._processes: list[Process] = []
        ensure_topics(admin(self.settings), self.topics, self.names, PARTITIONS)

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.popen.poll() is None:
                process.kill()
        self.publisher.close()

    def start(self, command: str, **settings: object) -> Process:
        """`tidemill-inference COMMAND` as a process of its own."""
        given: dict[str, object] = {
            "kafka_bootstrap": self.settings.kafka_bootstrap, "prefix": self.settings.prefix,
            "schemas": self.settings.schemas, "models_dir": self.settings.models_dir, "models": ",".join(self.names),
            "port": 0, "artifacts": self.store, "session_timeout_ms": SESSION_MS, "transaction_timeout_ms": 5_000,
            **settings,
        }  # fmt: skip
        env = service_process.environment(given)
        popen = service_process.start("tidemill_inference", command, env=env, stderr=subprocess.PIPE, text=True)
        process = Process(popen, self._folder / f"{command}-{len(self._processes)}.log")
        self._processes.append(process)
        return process

    def push(self, numbers: Sequence[int], partition: int | None = None, model: str = MODEL) -> None:
        """Clean records `e<n>` with distance 1.0, of entity `N<n % 7>`, to `partition` or in turn."""
        rows = pa.record_batch(
            {
                "event_id": [f"e{n}" for n in numbers],
                "scheduled_at": pa.array([1_357_000_000_000 + n for n in numbers], pa.timestamp("ms", tz="UTC")),
                "tail_number": [f"N{n % 7}" for n in numbers],
                FEATURE: pa.array([1.0] * len(numbers)),
            }
        )
        output = Output(
            self.topics.name("clean", model),
            self.codec.encode(rows, self.schemas.record(model)),
            [f"N{n % 7}".encode() for n in numbers],
            [n % PARTITIONS if partition is None else partition for n in numbers],
            [[(TRACEPARENT, TRACE)] for _ in numbers],
        )
        self.publisher.publish_all([output])

    def release(
        self, version: int, *, start: tuple[int, ...] = (0, 0), model: str = MODEL, **options: Any
    ) -> ModelVersion:
        """Write version `version` and publish its event."""
        event = publish_toy(self.artifacts, model, version, feature=FEATURE, start_offsets=start, **options)
        self.publish(event)
        return event

    def publish(self, event: ModelVersion) -> None:
        """Append an event to model-versions; what was written in `artifacts` is said to be in `store`."""
        uri = event.champion.artifact_uri
        if uri.startswith(self.artifacts):
            event = replace(
                event, champion=replace(event.champion, artifact_uri=self.store + uri[len(self.artifacts) :])
            )
        value = self.codec.encode_one(event.to_dict(), self.schemas.platform("model-version"))
        self.publisher.publish(self.topics.name("model_versions"), value, key=event.model.encode())

    def predictions(self, model: str = MODEL) -> list[dict[str, Any]]:
        """All predictions, with `key`, `partition`, `offset` and `headers` of their records."""
        found: list[dict[str, Any]] = []
        schema = self.schemas.prediction(model)
        for batch in scan(self.settings, self.topics.name("predictions", model)):
            rows = self.codec.decode(batch.values, schema).rows.to_pylist()
            for i, row in enumerate(rows):
                row |= {"key": batch.keys[i], "partition": batch.partitions[i], "offset": batch.offsets[i]}
                found.append({**row, "headers": dict(batch.headers[i] or [])})
        return found

    def clean_positions(self, model: str = MODEL) -> set[tuple[int, int]]:
        """Every (partition, offset) on the clean topic."""
        batches: Iterator[Any] = scan(self.settings, self.topics.name("clean", model))
        return {at for batch in batches for at in zip(batch.partitions, batch.offsets, strict=True)}


def _copy_model(folder: Path, names: Sequence[str]) -> None:
    """Model files of these names, each the flight model's."""
    text = (folder / f"{MODEL}.yaml").read_text()
    for name in names:
        (folder / f"{name}.yaml").write_text(text.replace(f"model: {MODEL}", f"model: {name}", 1))


def positions(predictions: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """The input positions of stream predictions."""
    return [(row["input_partition"], row["input_offset"]) for row in predictions if row["source"] == "stream"]


def ready(address: str) -> bool:
    """Whether the service says that it is ready."""
    return httpx.get(f"{address}/health/ready", timeout=5).status_code == 200
