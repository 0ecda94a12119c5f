"""The services that turn the loop, as processes, fed with event time, and what they made of it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from benchmarks.streams.generated import Rows

from tests.e2e.live_loop import stream
from tests.e2e.live_loop.stream import LATE, MODEL
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelRelease
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import KafkaSettings

SLICE = 500
SERVICES = {
    "validator": ("tidemill_validator",),
    "stream": ("tidemill_inference", "stream"),
    "trainer": ("tidemill_trainer",),
}
ALARM = re.compile(r"of version (\d+) the answers became worse at ([\d-]+ [\d:]+) .*?; found at label ([\d,]+)")


@dataclass(eq=False)
class LiveLoop:
    """Validator, stream and trainer over one model, whose files stand in `folder`."""

    folder: Path
    settings: KafkaSettings
    partitions: int
    running: dict[str, subprocess.Popen[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        specs = load_models(self.folder / "models")
        self.spec: ModelSpec = specs[MODEL]
        self.topics = TopicCatalog.load(self.folder / "schemas", self.settings.prefix, specs)
        self.schemas = SchemaCatalog.load(self.folder / "schemas", specs)
        self.codec = Codec(self.schemas)
        self.publisher = Publisher(self.settings)
        ensure_topics(admin(self.settings), self.topics, [MODEL], self.partitions)

    def start(self) -> None:
        """Start all services; their logs stand in the folder."""
        told = {
            "kafka_bootstrap": self.settings.kafka_bootstrap, "prefix": self.settings.prefix, "schemas": "schemas",
            "models_dir": "models", "artifacts": (self.folder / "artifacts").as_uri(),
            "tables": (self.folder / "tables").as_uri(), "database_url": f"sqlite:///{self.folder / 'trainer.db'}",
            "mlflow_tracking_uri": f"sqlite:///{self.folder / 'mlflow.db'}", "port": 0,
            "partitions": self.partitions, "collect_every_s": 0.3, "log_level": "INFO",
        }  # fmt: skip
        for name, command in SERVICES.items():
            log = self.folder / f"{name}.log"
            env = service_process.environment(told)
            self.running[name] = service_process.start(*command, env=env, log=log, cwd=self.folder)

    def feed(self, rows: Rows) -> None:
        """Push events slice by slice, each label as soon as the events are there by which it is late."""
        for first in range(0, len(rows) + LATE, SLICE):
            numbers = range(first, min(first + SLICE, len(rows)))
            known = range(max(0, first - LATE), max(0, min(first + SLICE - LATE, len(rows))))
            self._push("raw", stream.events(rows, numbers), self.schemas.record(MODEL), numbers)
            self._push("labels_raw", stream.labels(rows, known), self.schemas.label(MODEL), known)

    def until_assessed(self, labels: int, timeout: float = 420) -> None:
        """Wait until label time has come to this label, and nothing is on its way any more."""
        until(lambda: self._alive() and self._rests_at(labels), timeout, f"{labels} labels are assessed", every=0.5)

    def fits(self) -> list[dict[str, Any]]:
        """Every fit that label time asked for: what for, from what, and what came of it."""
        columns = "fingerprint, cause, cut_off, change_point, state, outcome, version, artifact"
        found = []
        for row in self._sql(f"select {columns} from runs where requested_by = 'label_time' order by created_at"):
            change, artifact = json.loads(row["change_point"] or "null"), json.loads(row["artifact"] or "null")
            found.append(
                {
                    "labels": int(row["fingerprint"].rsplit("/", 1)[1]), "at_ms": row["cut_off"], "cause": row["cause"],
                    "changed_ms": change["event_time"] if change else None, "state": row["state"],
                    "outcome": row["outcome"], "version": row["version"], **_learned(artifact),
                }
            )  # fmt: skip
        return found

    def alarms(self) -> list[tuple[int, str, int]]:
        """Version, event time of the change, and label at which it was found."""
        text = "\n".join(json.loads(line)["message"] for line in self.log("trainer") if "became worse" in line)
        return [(int(version), at, int(label.replace(",", ""))) for version, at, label in ALARM.findall(text)]

    def takeovers(self) -> list[tuple[int, str, str]]:
        """Version, why, and what *release* made of it."""
        return [(r["version"], r["reason"], r["outcome"]) for r in self._sql("select * from takeovers order by id")]

    def releases(self) -> list[int]:
        """Versions in the order in which they began to serve."""
        schema = self.schemas.platform("model-release")
        values = (value for batch in scan(self.settings, self.topics.name("model_releases")) for value in batch.values)
        found = [ModelRelease.from_dict(self.codec.decode_one(value, schema)) for value in values]
        return [release.published.champion.version for release in found]

    def answered_by(self) -> list[int]:
        """Versions that have answered on the stream, each once."""
        schema = self.schemas.prediction(MODEL)
        found: set[int] = set()
        for batch in scan(self.settings, self.topics.name("predictions", MODEL)):
            found |= set(self.codec.decode(batch.values, schema).rows.column("version").to_pylist())
        return sorted(found)

    def log(self, service: str) -> list[str]:
        """The lines of a service's log."""
        return [line for line in (self.folder / f"{service}.log").read_text().splitlines() if line.startswith("{")]

    @property
    def table_uri(self) -> str:
        """The model's training table."""
        return f"{(self.folder / 'tables').as_uri()}/{self.settings.prefix}{MODEL}"

    def close(self) -> None:
        """End what still runs."""
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait(30)
        self.publisher.close()

    def _push(self, role: str, rows: list[dict[str, Any]], schema: Any, numbers: range) -> None:
        if rows:
            values = [self.codec.encode_one(row, schema) for row in rows]
            keys = [stream.entity(k).encode() for k in numbers]
            partitions = [k % 6 % self.partitions for k in numbers]
            self.publisher.publish_all([Output(self.topics.name(role, MODEL), values, keys, partitions)])

    def _rests_at(self, labels: int) -> bool:
        rows = self._sql("select state, request_id from label_time")
        waiting = self._sql("select id from takeovers where outcome is null")
        return (
            bool(rows)
            and json.loads(rows[0]["state"])["labels"] >= labels
            and not rows[0]["request_id"]
            and not waiting
        )

    def _sql(self, query: str) -> list[sqlite3.Row]:
        path = self.folder / "trainer.db"
        if not path.exists():
            return []
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as connection:
            connection.row_factory = sqlite3.Row
            known = connection.execute("select name from sqlite_master where name = 'takeovers'").fetchall()
            return connection.execute(query).fetchall() if known else []

    def _alive(self) -> bool:
        for name, process in self.running.items():
            assert process.poll() is None, f"the {name} has ended:\n" + "\n".join(self.log(name)[-20:])
        return True


def _learned(artifact: dict[str, Any] | None) -> dict[str, Any]:
    """Rows and window that a version was fitted on, by its own files."""
    if artifact is None:
        return {"fitted": 0, "window": ""}
    folder = Path(unquote(urlsplit(artifact["artifact_uri"]).path))
    manifest, reference = (json.loads((folder / name).read_text()) for name in ("manifest.json", "reference.json"))
    return {"fitted": reference["rows"], "window": manifest["window"]}


def in_order(uri: str, spec: ModelSpec) -> pa.Table:
    """The labelled rows in the order in which the live loop has taken them."""
    from tidemill_trainer.assess.joined import newly_labelled
    from tidemill_trainer.assess.table_steps import TableSteps

    steps, at, found = TableSteps(uri), -1, []
    while (step := steps.after(at)) is not None:
        at = step.version
        found.append(newly_labelled(step, spec.features))
    return pa.concat_tables([rows for rows in found if rows.num_rows])
