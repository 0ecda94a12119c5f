"""A small stream of loans on a real broker, and the two drift processes as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.processes import service_process
from tests.support.signing import signer
from tidemill.artifact import FeatureColumn, Manifest, write_artifact
from tidemill.codec import Codec
from tidemill.contracts.events.platform import DataSet, ModelRef, ModelVersion
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[3]
MODEL = "flight-delay"
PARTITIONS = 2
HOUR_MS = 3_600_000
START_MS = 1_359_651_900_000
WINDOW = 200
QUANTILES = np.linspace(0.0, 1.0, 101)
MODEL_FILE = """
model: flight-delay
schema: flight-delay.avsc
entity: tail_number
event_time: scheduled_at
target: {label: late, task: binary, delay: 1h, expires: 2d}
features: {carrier: category, distance: number}
training: {first_after: 100, metric: roc_auc, candidates: [logistic_regression]}
drift: {window: 200}
"""


@dataclass
class World:
    """Topics, a way to push a stream of predictions and labels, and processes that can be killed."""

    settings: KafkaSettings
    topics: TopicCatalog
    schemas: SchemaCatalog
    codec: Codec
    publisher: Publisher
    folder: Path
    environment: dict[str, str]
    partitions: int = PARTITIONS
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, part: str, program: str = "tidemill_drift") -> subprocess.Popen[bytes]:
        """Start `profile` or `detect` as a process; `program` is the module that runs it."""
        log = self.folder / f"{part}-{len(self.processes)}.log"
        process = service_process.start(program, part, env=self.environment, log=log, cwd=ROOT)
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL."""
        process.send_signal(signal.SIGKILL)
        process.wait(60)

    def said(self, text: str) -> bool:
        """Whether a process has logged this."""
        return any(text in path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def publish_version(self, version: int, *, carriers: Sequence[str] = ()) -> None:
        """A champion whose reference expects a quarter of true labels and scores spread evenly from 0.1 to 0.4.
        `carriers`: those that it has learned; where none is named, it knows nothing of carriers.
        """
        counts = {carrier: 2000 // len(carriers) for carrier in carriers}
        known = {"carrier": {"kind": "category", "counts": counts, "other": 0, "nulls": 0.0, "count": 2000}}
        reference = {
            "features": {
                "distance": {
                    "kind": "number",
                    "quantiles": (QUANTILES * 1000 + 500).tolist(),
                    "nulls": 0.0,
                    "count": 2000,
                },
                **(known if carriers else {}),
            },
            "predictions": {"quantiles": (QUANTILES * 0.3 + 0.1).tolist(), "mean": 0.25, "count": 1000},
            "metrics": {"roc_auc": 0.6},
            "rows": 2000,
            "held_out_rows": 1000,
        }
        uri = f"file://{self.folder}/artifacts/{MODEL}/{version}-r"
        digest = write_artifact(uri, {"reference.json": json.dumps(reference).encode()}, _manifest(version), signer())
        data_set = DataSet(table_uri="", table_version=0, offsets=())
        champion = ModelRef(
            version=version,
            artifact_uri=uri,
            manifest_digest=digest,
            run_id="r",
            tracking_run="t",
            data_set=data_set,
        )
        event = ModelVersion(
            model=MODEL,
            epoch=version,
            mode="direct",
            champion=champion,
            challenger=None,
            challenger_share=0.0,
            start_offsets=(0,) * self.partitions,
            published_at=0,
        )
        value = self.codec.encode_one(event.to_dict(), self.schemas.platform("model-version"))
        self.publisher.publish(self.topics.name("model_versions"), value, key=MODEL.encode())

    def push(
        self,
        first: int,
        count: int,
        *,
        late: float,
        version: int = 1,
        partitions: Sequence[int] | None = None,
        carrier: str = "UA",
    ) -> None:
        """`count` flights per partition from number `first` on: clean, predicted at 0.1 to 0.4, labelled."""
        outputs: dict[str, list[Output]] = {role: [] for role in ("clean", "predictions", "labels")}
        for partition in range(self.partitions) if partitions is None else partitions:
            records = self._records(partition, range(first, first + count), late, version, carrier)
            for role, values in records.items():
                keys = [f"N{n % 7}".encode() for n in range(len(values))]
                outputs[role].append(Output(self.topics.name(role, MODEL), values, keys, partition))
        for role in ("clean", "predictions", "labels"):
            self.publisher.publish_all(outputs[role])

    def read(self, role: str, schema: str) -> list[dict[str, Any]]:
        """All events on a platform topic."""
        batches = scan(self.settings, self.topics.name(role))
        values = [value for batch in batches for value in batch.values]
        return [self.codec.decode_one(value, self.schemas.platform(schema)) for value in values]

    def profiles(self) -> list[dict[str, Any]]:
        """All profiles that are not seals."""
        return [profile for profile in self.read("profiles", "profile") if not profile["sealed"]]

    def windows(self, kind: str) -> set[tuple[int, int]]:
        """Partition and window of all profiles of a kind."""
        return {(profile["partition"], profile["window"]) for profile in self.profiles() if profile["kind"] == kind}

    def _records(
        self, partition: int, numbers: Sequence[int], late: float, version: int, carrier: str
    ) -> dict[str, list[bytes]]:
        rng = np.random.default_rng(partition * 1_000_003 + numbers[0])
        scores, truths = rng.uniform(0.1, 0.4, len(numbers)), rng.random(len(numbers)) < late
        record, label = self.schemas.record(MODEL), self.schemas.label(MODEL)
        found: dict[str, list[bytes]] = {"clean": [], "predictions": [], "labels": []}
        for number, score, truth in zip(numbers, scores.tolist(), truths.tolist(), strict=True):
            event_id, at = f"{partition}-{number}", START_MS + number * HOUR_MS // 50
            row = {
                "event_id": event_id,
                "scheduled_at": at,
                "carrier": carrier,
                "distance": 500.0 + number * 37 % 1000,
            }
            found["clean"].append(self.codec.encode_one({n: row.get(n) for n in record.field_names}, record))
            prediction = {
                "prediction_id": event_id,
                "event_id": event_id,
                "model": MODEL,
                "source": "stream",
                "event_time": at,
                "predicted_at": at,
                "version": version,
                "epoch": version,
                "arm": "champion",
                "probability": score,
                "input_partition": partition,
                "input_offset": number,
                "input": None,
            }
            found["predictions"].append(self.codec.encode_one(prediction, self.schemas.prediction(MODEL)))
            known = {"event_id": event_id, "label": truth, "event_time": at, "observed_at": at + HOUR_MS}
            found["labels"].append(self.codec.encode_one(known, label))
        return found


def _manifest(version: int) -> Manifest:
    classes, features = ("false", "true"), (FeatureColumn("carrier", "category"),)
    return Manifest(
        model=MODEL,
        version=version,
        task="binary",
        output="p",
        features=features,
        classes=classes,
        positive_class="true",
    )


@contextmanager
def world_of(kafka: str, prefix: str, root: Path, folder: Path, partitions: int) -> Iterator[World]:
    """Topics of one model with so many partitions; processes that still run are killed at the end."""
    models_dir = folder / "models"
    models_dir.mkdir(parents=True)
    (models_dir / "flight-delay.yaml").write_text(MODEL_FILE)
    settings = KafkaSettings(kafka_bootstrap=kafka, prefix=prefix)
    topics = TopicCatalog.load(root / "schemas", prefix)
    schemas = SchemaCatalog.load(root / "schemas", load_models(models_dir))
    ensure_topics(admin(settings), topics, [MODEL], partitions)
    environment = {
        **os.environ,
        "TIDEMILL_ARTIFACTS": f"file://{folder}/artifacts",
        "TIDEMILL_KAFKA_BOOTSTRAP": kafka,
        "TIDEMILL_PREFIX": prefix,
        "TIDEMILL_SCHEMAS": str(root / "schemas"),
        "TIDEMILL_MODELS_DIR": str(models_dir),
        "TIDEMILL_SEAL_AFTER_S": "600",
        "TIDEMILL_SESSION_TIMEOUT_MS": "6000",
        "TIDEMILL_COMMIT_INTERVAL_S": "0.2",
        "TIDEMILL_BATCH_LINGER_MS": "100",
        "TIDEMILL_BATCH_SIZE": "300",
    }
    publisher = Publisher(settings, name="world")
    world = World(settings, topics, schemas, Codec(schemas), publisher, folder, environment, partitions)
    try:
        yield world
    finally:
        for process in world.processes:
            process.kill()
            process.wait(60)
        publisher.close()


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with world_of(kafka, prefix, root, tmp_path, PARTITIONS) as made:
        yield made
