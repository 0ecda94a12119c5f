"""Release, *serve* and *stream* as processes: runs that finish go in, and what is served comes out."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from sqlalchemy import insert

from tests.broker.inference.world import FEATURE, MODEL, PARTITIONS, Process, ready
from tests.broker.inference.world import World as InferenceWorld
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.contracts.events.platform import ModelRelease, ModelVersion, ReleaseCommand, RetrainRun
from tidemill.contracts.model_file import load_models
from tidemill.ids import uuid7
from tidemill.kafka.batch import Output
from tidemill.kafka.client.scan import scan
from tidemill_trainer.runs.database import connect
from tidemill_trainer.runs.tables import runs

DAY_ONE = 1_357_000_000_000
MINUTE = 60_000


class World(InferenceWorld):
    """`policy` stands in the place of the model file's section `release`."""

    def __init__(self, root: Path, kafka: str, prefix: str, folder: Path, policy: str) -> None:
        super().__init__(root, kafka, prefix, folder)
        self.folder = folder
        self._address = ""
        self._trainers: list[subprocess.Popen[bytes]] = []
        file = self.settings.models_dir / f"{MODEL}.yaml"
        text, found = re.subn(r"release:\n  mode: direct\n", f"release: {policy}\n", file.read_text())
        assert found == 1
        file.write_text(text.replace("window: 2_000", "window: 200").replace("  delay: 6h", "  delay: 1h"))
        self.specs = load_models(self.settings.models_dir, only=[MODEL])

    def close(self) -> None:
        for trainer in self._trainers:
            if trainer.poll() is None:
                trainer.kill()
                trainer.wait(10)
        super().close()

    def environment(self) -> dict[str, str]:
        """Settings of the trainer and of the command line."""
        places = {
            "KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "PREFIX": self.settings.prefix,
            "SCHEMAS": self.settings.schemas,
            "MODELS_DIR": self.settings.models_dir,
            "MODELS": MODEL,
            "ARTIFACTS": self.artifacts,
            "TABLES": self.folder / "tables",
            "DATABASE_URL": f"sqlite:///{self.folder / 'trainer.db'}",
            "PORT": 0,
            "PARTS": "release",
            "POLL_S": "0.1",
        }
        return service_process.environment(places)

    def start_release(self) -> subprocess.Popen[bytes]:
        """The trainer's release part alone; it logs to `release.log`."""
        log = self.folder / "release.log"
        trainer = service_process.start("tidemill_trainer", env=self.environment(), log=log)
        self._trainers.append(trainer)
        return trainer

    def start_profile(self) -> None:
        """*profile*, which joins labels to predictions; it logs to `profile.log`."""
        env = self.environment() | {"TIDEMILL_BATCH_LINGER_MS": "50"}
        log = self.folder / "profile.log"
        self._trainers.append(service_process.start("tidemill_drift", "profile", env=env, log=log))

    def push_labelled(self, first: int, count: int) -> None:
        """Events a minute apart, and half an hour later whether they were late: the farther, the likelier."""
        numbers = np.arange(first, first + count)
        rng = np.random.default_rng(first)
        distances = rng.standard_normal(count)
        late = rng.random(count) < 1 / (1 + np.exp(-1.5 * distances))
        times = DAY_ONE + numbers * MINUTE
        ids, keys = [f"e{n}" for n in numbers], [f"N{n % 7}" for n in numbers]
        stamp = pa.timestamp("ms", tz="UTC")
        events = {"event_id": ids, "scheduled_at": pa.array(times, stamp), "tail_number": keys, FEATURE: distances}
        labels = {
            "event_id": ids, "label": pa.array(late), "event_time": pa.array(times, stamp),
            "observed_at": pa.array(times + 30 * MINUTE, stamp),
        }  # fmt: skip
        schemas = (("clean", events, self.schemas.record(MODEL)), ("labels", labels, self.schemas.label(MODEL)))
        for role, columns, schema in schemas:
            values = self.codec.encode(pa.record_batch(columns), schema)
            partitions = [int(n) % 7 % PARTITIONS for n in numbers]
            self.publisher.publish_all(
                [Output(self.topics.name(role, MODEL), values, [key.encode() for key in keys], partitions)]
            )

    def told(self) -> str:
        """The trainer's log, for a failed assertion."""
        return (self.folder / "release.log").read_text()[-4_000:]

    def start_serving(self) -> tuple[Process, Process]:
        """*serve* and *stream*."""
        serve, stream = self.start("serve"), self.start("stream")
        self._address = serve.address()
        return serve, stream

    def finish(self, version: int, weight: float = 1.0) -> None:
        """Tell of a run that has made this version."""
        made = publish_toy(
            self.artifacts, MODEL, version, feature=FEATURE, start_offsets=(0, 0), weight=weight
        ).champion
        run = RetrainRun(
            event_id=f"run{version}/finished", run_id=f"run{version}", request_id="q", model=MODEL, cause="manual",
            state="finished", reason="gate passed", version=version, artifact=made, gate=(), metrics={},
            start_offsets=(0, 0), at=0,
        )  # fmt: skip
        self._publish("retrain_runs", "retrain-run", run.to_dict())

    def know(self, version: int) -> None:
        """Let SQL know the run that made this version, as the trainer's other parts do."""
        made = publish_toy(self.artifacts, MODEL, version, feature=FEATURE, start_offsets=(0, 0), weight=1.0).champion
        row = {
            "run_id": f"run{version}", "request_id": f"q{version}", "model": MODEL, "cause": "manual",
            "fingerprint": "f", "evidence": [], "requested_by": "test", "requested_at": 0, "event_time": 0,
            "traceparent": "", "state": "finished", "reason": "", "attempts": 1, "version": version,
            "artifact": made.to_dict(), "gate": [], "metrics": {}, "start_offsets": [0, 0], "created_at": 0,
            "changed_at": 0,
        }  # fmt: skip
        with connect(f"sqlite:///{self.folder / 'trainer.db'}").begin() as connection:
            connection.execute(insert(runs).values(row))

    def command(self, action: str, version: int | None = None) -> None:
        """A person's command."""
        command = ReleaseCommand(
            command_id=uuid7(), model=MODEL, action=action, version=version, by="ada", reason="because", at=1,  # type: ignore[arg-type]
        )  # fmt: skip
        self._publish("release_commands", "release-command", command.to_dict())

    def tidemill(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line."""
        return service_process.run(*arguments, env=self.environment(), timeout_s=90)

    def releases(self) -> list[ModelRelease]:
        """Everything on model-releases."""
        return [ModelRelease.from_dict(datum) for datum in self._told("model_releases", "model-release")]

    def published(self) -> list[ModelVersion]:
        """Everything on model-versions that has not been compacted away."""
        return [ModelVersion.from_dict(datum) for datum in self._told("model_versions", "model-version")]

    def actions(self) -> list[str]:
        """What release has done."""
        return [release.action for release in self.releases()]

    def await_actions(self, count: int, timeout: float = 90) -> list[str]:
        """Wait for so many releases."""
        until(lambda: len(self.actions()) >= count, timeout, lambda: f"{count} releases; {self.told()}")
        return self.actions()

    def await_serving(self) -> None:
        """Wait until both serve."""
        until(lambda: ready(self._address), 60, "serve is ready")

    def ask(self, tail: str = "N1") -> dict[str, Any]:
        """One REST prediction."""
        instance = {FEATURE: 1.0, "tail_number": tail, "scheduled_at": "2013-01-01T10:00:00Z"}
        found = httpx.post(f"{self._address}/v1/models/{MODEL}/predict", json=instance, timeout=20)
        assert found.status_code == 200, found.text
        answer: dict[str, Any] = found.json()
        return answer

    def _told(self, role: str, schema: str) -> list[dict[str, Any]]:
        batches = scan(self.settings, self.topics.name(role))
        values = [value for batch in batches for value in batch.values if value is not None]
        return [self.codec.decode_one(value, self.schemas.platform(schema)) for value in values]

    def _publish(self, role: str, schema: str, datum: dict[str, Any]) -> None:
        value = self.codec.encode_one(datum, self.schemas.platform(schema))
        self.publisher.publish(self.topics.name(role), value, key=MODEL.encode())


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM; gives the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(60)
