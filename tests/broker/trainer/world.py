"""A small platform around the trainer: one model, its topics, the trainer as a process, and what tests push
and read.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.support.kafka.timeouts import SESSION_MS
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.codec import Codec
from tidemill.contracts.events.platform import (
    Evidence,
    ModelRelease,
    ModelVersion,
    ReleaseCommand,
    RetrainRequest,
    RetrainRun,
)
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.ids import uuid7
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import KafkaSettings

MODEL = "tide"
PARTITIONS = 2
HOUR = 3_600_000
DAY_ONE = 1_700_000_000_000

MODEL_FILE = """
model: tide
schema: tide.avsc
entity: gauge
event_id: event_id
event_time: seen_at
target: {label: high, task: binary, delay: 1h}
features:
  gauge: category
  wind: number
  seen_at: {time: [hour], zone: UTC}
training:
  first_after: 600
  newest: 5_000
  candidates: [logistic_regression, gradient_boosting]
  budget: 2s
  metric: roc_auc
  gate: {at_least: 0.55, better_by: -1}
retrain: {on: [drift], cooldown: 1h}
"""

RECORD = {
    "type": "record",
    "name": "Tide",
    "namespace": "dev.tidemill.models",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "seen_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "gauge", "type": ["null", "string"], "default": None},
        {"name": "wind", "type": ["null", "double"], "default": None},
    ],
}


@dataclass
class World:
    """One test's platform; everything lies under `folder` and behind `settings.prefix`."""

    root: Path
    folder: Path
    settings: KafkaSettings
    model_file: str = MODEL_FILE
    trainer: subprocess.Popen[bytes] | None = None
    _extra: dict[str, str] = field(default_factory=dict)
    log_at_start: int = 0

    def __post_init__(self) -> None:
        (self.folder / "models").mkdir()
        (self.folder / "models" / "tide.yaml").write_text(self.model_file)
        shutil.copytree(self.root / "schemas", self.folder / "schemas")
        (self.folder / "schemas" / "models" / "tide.avsc").write_text(json.dumps(RECORD))
        self.specs = load_models(self.folder / "models")
        self.catalog = TopicCatalog.load(self.folder / "schemas", self.settings.prefix)
        self.schemas = SchemaCatalog.load(self.folder / "schemas", self.specs)
        self.codec = Codec(self.schemas)
        self.publisher = Publisher(self.settings, name="test")
        ensure_topics(admin(self.settings), self.catalog, self.specs, PARTITIONS)

    def environment(self) -> dict[str, str]:
        """Settings of the trainer's process."""
        places = {
            "KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "PREFIX": self.settings.prefix,
            "SCHEMAS": "schemas",
            "MODELS_DIR": "models",
            "ARTIFACTS": "artifacts",
            "TABLES": "tables",
            "DATABASE_URL": "sqlite:///trainer.db",
            "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
            "SPANS_DIR": "spans",
            "PORT": "0",
            "PARTITIONS": str(PARTITIONS),
            "COLLECT_EVERY_S": "0.3",
            # A killed trainer is forgotten sooner.
            "SESSION_TIMEOUT_MS": str(SESSION_MS),
            "TRANSACTION_TIMEOUT_MS": "5000",
            "LOG_LEVEL": "INFO",
        }
        return service_process.environment(places | self._extra)

    def start(self, **extra: str) -> subprocess.Popen[bytes]:
        """Start the trainer; logs go to `trainer.log` in the folder."""
        self._extra = extra
        log = self.folder / "trainer.log"
        self.log_at_start = log.stat().st_size if log.exists() else 0
        self.trainer = service_process.start("tidemill_trainer", env=self.environment(), log=log, cwd=self.folder)
        return self.trainer

    def stop(self) -> int:
        """End the trainer as a supervisor would; gives its exit code."""
        assert self.trainer is not None
        self.trainer.send_signal(signal.SIGTERM)
        return self.trainer.wait(timeout=60)

    def kill(self) -> None:
        """End the trainer as an accident would."""
        assert self.trainer is not None
        self.trainer.kill()
        self.trainer.wait()

    def log(self) -> str:
        """What the trainer has logged so far."""
        return (self.folder / "trainer.log").read_text()

    def has_said(self, text: str) -> bool:
        """Whether the trainer that was started last has logged this."""
        return text in self.log()[self.log_at_start :]

    def push_events(self, first: int, count: int) -> None:
        """Clean events number `first` and on, one a minute; the wind decides the tide, with some noise."""
        numbers = np.arange(first, first + count)
        rows = pa.record_batch(
            {
                "event_id": [f"e{number}" for number in numbers],
                "seen_at": pa.array(DAY_ONE + numbers * 60_000, pa.timestamp("ms", "UTC")),
                "gauge": [f"g{number % 7}" for number in numbers],
                "wind": wind(numbers),
            }
        )
        self._push("clean", self.codec.encode(rows, self.schemas.record(MODEL)), numbers)

    def push_labels(self, first: int, count: int, *, turned: bool = False) -> None:
        """The labels of these events, known ten minutes later; `turned`: each the other one."""
        numbers = np.arange(first, first + count)
        when = DAY_ONE + numbers * 60_000
        rows = pa.record_batch(
            {
                "event_id": [f"e{number}" for number in numbers],
                "label": pa.array((wind(numbers) + noise(numbers) > 0.0) ^ turned),
                "event_time": pa.array(when, pa.timestamp("ms", "UTC")),
                "observed_at": pa.array(when + 600_000, pa.timestamp("ms", "UTC")),
            }
        )
        self._push("labels", self.codec.encode(rows, self.schemas.label(MODEL)), numbers)

    def request(
        self, cause: str, event_time: int, fingerprint: str = "", headers: Any = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> str:  # fmt: skip
        """Ask for a new version; gives the request's id."""
        request = RetrainRequest(
            request_id=uuid7(), model=MODEL, cause=cause, evidence=evidence, fingerprint=fingerprint or uuid7(),  # type: ignore[arg-type]
            requested_by="test", requested_at=0, event_time=event_time,
        )  # fmt: skip
        self._publish("retrain_requests", request.to_dict(), self.schemas.platform("retrain-request"), headers)
        return request.request_id

    def command(self, action: str, version: int | None = None) -> str:
        """Command release; gives the command's id."""
        command = ReleaseCommand(
            command_id=uuid7(),
            model=MODEL,
            action=action,
            version=version,
            by="test",
            reason="because",
            at=0,  # type: ignore[arg-type]
        )
        self._publish("release_commands", command.to_dict(), self.schemas.platform("release-command"), None)
        return command.command_id

    def versions(self) -> list[ModelVersion]:
        """Everything on model-versions, oldest first."""
        return [ModelVersion.from_dict(datum) for datum in self._read("model_versions", "model-version")]

    def releases(self) -> list[ModelRelease]:
        """Everything on model-releases, oldest first."""
        return [ModelRelease.from_dict(datum) for datum in self._read("model_releases", "model-release")]

    def runs(self) -> list[RetrainRun]:
        """Everything on retrain-runs, oldest first."""
        return [RetrainRun.from_dict(datum) for datum in self._read("retrain_runs", "retrain-run")]

    def await_versions(self, count: int, timeout: float = 180) -> list[ModelVersion]:
        """Wait until so many versions have been published."""
        until(lambda: self._alive() and len(self.versions()) >= count, timeout, f"{count} published versions")
        return self.versions()

    def await_log(self, text: str, timeout: float = 180) -> None:
        """Wait until the trainer has logged this."""
        until(lambda: self._alive() and text in self.log(), timeout, f"log line {text!r}")

    def health(self, kind: str) -> int:
        """HTTP status of a health endpoint of the trainer started last; 0 before it listens."""
        said = [line for line in self.log()[self.log_at_start :].splitlines() if line.startswith("trainer: ")]
        if not said:
            return 0
        try:
            with urllib.request.urlopen(said[0].split()[1].replace("metrics", f"health/{kind}"), timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def headers(self, role: str) -> list[dict[str, bytes]]:
        """Headers of everything on a topic."""
        batches = scan(self.settings, self.catalog.name(role))
        return [dict(headers or []) for batch in batches for headers in batch.headers]  # type: ignore[arg-type]

    def close(self) -> None:
        """End what is still running."""
        if self.trainer is not None and self.trainer.poll() is None:
            self.kill()
        self.publisher.close()

    def _alive(self) -> bool:
        assert self.trainer is None or self.trainer.poll() is None, f"the trainer has ended:\n{self.log()[-3000:]}"
        return True

    def _push(self, role: str, values: list[bytes], numbers: Any) -> None:
        keys = [f"g{number % 7}".encode() for number in numbers]
        partitions = [int(number % 7) % PARTITIONS for number in numbers]
        self.publisher.publish_all([Output(self.catalog.name(role, MODEL), values, keys, partitions)])

    def _publish(self, role: str, datum: dict[str, Any], schema: Schema, headers: Any) -> None:
        value = self.codec.encode_one(datum, schema)
        self.publisher.publish(self.catalog.name(role), value, key=MODEL.encode(), headers=headers)

    def _read(self, role: str, schema: str) -> Iterator[dict[str, Any]]:
        for batch in scan(self.settings, self.catalog.name(role)):
            for value in batch.values:
                if value is not None:
                    yield self.codec.decode_one(value, self.schemas.platform(schema))


def wind(numbers: Any) -> Any:
    """Float64, the same for the same event."""
    return np.sin(numbers * 0.7) * 2.0


def noise(numbers: Any) -> Any:
    """Float64, the same for the same event, with no pattern that a model could learn."""
    return ((numbers * 2654435761) % 1000) / 500.0 - 1.0
