"""A platform under fault: topics of the flight model, real service processes, seeded records, and the audit."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.faults.harness.order import order_by_key
from tests.faults.harness.recording import Fault, size
from tests.faults.harness.service import Service
from tests.support.kafka import timeouts
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import bounds, scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import CommonSettings
from tidemill_embedded.ports import Ports
from tidemill_embedded.processes.children import spawn
from tidemill_operations.audit.auditor import TopicAuditor
from tidemill_operations.audit.proof import Proof
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing import groups
from tidemill_operations.standing.lag import Offsets

MODEL, FEATURE = "flight-delay", "distance"
SESSION_MS = size(timeouts.SESSION_MS, 6_000)
"""After how long the dead are noticed."""
EPOCH_MS = 1_359_651_900_000
COMMANDS = {
    "validator": ["-m", "tidemill_validator"],
    "stream": ["-m", "tidemill_inference", "stream"],
    "ingest": ["-m", "tidemill_ingest"],
    "profile": ["-m", "tidemill_drift", "profile"],
    "detect": ["-m", "tidemill_drift", "detect"],
    "serve": ["-m", "tidemill_inference", "serve"],
    "trainer": ["-m", "tidemill_trainer"],
}
BAD_SHARE = 0.02
"""Of the seeded records: a negative distance, which an expectation sends to the dead letters."""


class World:
    """One prefix on a broker. `bootstrap` is where the test itself reads; services may be sent elsewhere (`via`)."""

    def __init__(
        self,
        root: Path,
        bootstrap: str,
        prefix: str,
        folder: Path,
        fault: Fault,
        *,
        partitions: int = 4,
        via: str | None = None,
        create: bool = True,
        models_dir: Path | None = None,
    ) -> None:
        self.root, self.folder, self.fault = root, folder, fault
        self.partitions = partitions
        self.via = via or bootstrap
        self.settings = CommonSettings(
            kafka_bootstrap=bootstrap, prefix=prefix, schemas=root / "schemas",
            models_dir=models_dir or root / "models", models=(MODEL,), partitions=partitions,
        )  # fmt: skip
        self.view = PlatformView(self.settings, {})
        self.offsets = Offsets(self.settings)
        self.services: list[Service] = []
        self._ports = Ports()
        self._random = random.Random(fault.seed)
        self.pushed = 0
        if create:
            self.create(partitions)

    def create(self, partitions: int) -> None:
        """The topics of the platform and the model."""
        self.partitions = partitions
        ensure_topics(admin(self.settings), self.view.topics, [MODEL], partitions)

    def close(self) -> None:
        for service in self.services:
            service.end()

    @property
    def model(self) -> str:
        return MODEL

    def topic(self, role: str) -> str:
        return self.view.topics.name(role, MODEL)

    def start(
        self, kind: str, instance: int = 0, *, python: str = sys.executable, port: int = 0, **settings: object
    ) -> Service:
        """A service as a process of its own, with these settings over those of the tests; `python`: the interpreter
        whose environment it is installed in; `port`: of one that was there before it.
        """
        port = port or self._ports.take(f"{kind}-{instance}")
        log = self.folder / f"{kind}-{instance}.log"
        given = {
            "kafka_bootstrap": self.via, "prefix": self.settings.prefix, "schemas": self.settings.schemas,
            "models_dir": self.settings.models_dir, "models": MODEL, "instance": instance, "port": port,
            "artifacts": (self.folder / "artifacts").as_uri(), "log_file": log, "session_timeout_ms": SESSION_MS,
            "partitions": self.partitions, **settings,
        }  # fmt: skip
        environment = service_process.environment(given)
        environment["PYTHONDONTWRITEBYTECODE"] = ""  # who starts often should not compile its modules anew
        command = [python, *COMMANDS[kind]]
        child = spawn(command, environment, self.folder / f"{kind}-{instance}.console", self.folder)
        service = Service(f"{kind}-{instance}", kind, instance, child, log, port)
        self.services.append(service)
        self.fault.note(f"{service.name} started")
        return service

    def release(self, version: int = 1) -> None:
        """Version `version` of a toy model, published as the trainer's release part does."""
        artifacts = (self.folder / "artifacts").as_uri()
        event = publish_toy(artifacts, MODEL, version, feature=FEATURE, start_offsets=(0,) * self.partitions)
        schema = self.view.schemas.platform("model-version")
        with Publisher(self.settings) as publisher:
            value = self.view.codec.encode_one(event.to_dict(), schema)
            publisher.publish(self.view.topics.name("model_versions"), value, key=MODEL.encode())

    def records(self, count: int) -> tuple[list[bytes], list[bytes]]:
        """The next `count` seeded records: values and keys; some of them do not meet their expectations."""
        numbers = range(self.pushed, self.pushed + count)
        self.pushed += count
        chance = self._random
        entities = [f"N{chance.randrange(500)}" for _ in numbers]
        distances = [-1.0 if chance.random() < BAD_SHARE else chance.uniform(50, 5000) for _ in numbers]
        rows = pa.record_batch(
            {
                "event_id": [f"e{self.fault.seed}-{n}" for n in numbers],
                "scheduled_at": pa.array([EPOCH_MS + n for n in numbers], pa.timestamp("ms", tz="UTC")),
                "tail_number": entities,
                "carrier": [chance.choice(("UA", "DL", "B6")) for _ in numbers],
                "origin": [chance.choice(("EWR", "JFK", "LGA")) for _ in numbers],
                "dest": ["IAH"] * count,
                FEATURE: distances,
            }
        )
        values = self.view.codec.encode(rows, self.view.schemas.record(MODEL))
        return values, [entity.encode() for entity in entities]

    def push(self, count: int) -> None:
        """Push seeded records to raw, keyed by entity; returns when all are acknowledged."""
        values, keys = self.records(count)
        self.push_values(values, keys)

    def push_values(self, values: Sequence[bytes | None], keys: Sequence[bytes | None] | None = None) -> None:
        with Publisher(self.settings, timeout_s=60) as publisher:
            publisher.publish_all([Output(self.topic("raw"), values, keys)])

    def lag(self, group: str, role: str) -> int:
        """Offsets that a group has yet to pass."""
        parts = self.offsets.lag(self.view.topics.group(group), [self.topic(role)])
        return sum(part.records for part in parts)

    def behind(self) -> int:
        """Offsets before the end of raw and of clean that are not passed yet."""
        return self.lag(groups.VALIDATOR, "raw") + self.lag(groups.STREAM, "clean")

    def until_done(self, timeout: float, *, stream: bool = True) -> None:
        """Waits until everything pushed has been worked on, and every group stands at a lag of exactly 0."""

        def done() -> bool:
            self.check()
            if self.lag(groups.VALIDATOR, "raw"):
                return False
            return not stream or not self.lag(groups.STREAM, "clean")

        until(done, timeout, "everything is worked on", every=0.25)

    def check(self) -> None:
        """No service has ended by itself."""
        for service in self.services:
            assert service.ended_well(), f"{service.name} ended: {service.told()}"

    def count(self, role: str, *, uncommitted: bool = False) -> int:
        """Records on a topic of the model."""
        return sum(len(batch) for batch in scan(self.settings, self.topic(role), read_uncommitted=uncommitted))

    def end_of(self, role: str) -> int:
        """High watermarks of a topic, summed: it moves with every record written, committed or not."""
        edges = bounds(self.settings, self.topic(role), read_uncommitted=True)
        return sum(high for _, high in edges.values())

    def aborted(self, *roles: str) -> dict[str, int]:
        """Records that a read_uncommitted reader sees and a read_committed one does not."""
        return {role: self.count(role, uncommitted=True) - self.count(role) for role in roles}

    def audit(self, *, at_work: bool = False) -> Proof:
        """The proof, into the fault's figures too. `at_work`: the workers run, so what waits for them is not lost."""
        proof = TopicAuditor(self.view, MODEL).audit()
        self.fault.lost += proof.lost + (0 if at_work else proof.waiting)
        self.fault.duplicated += proof.duplicated
        self.fault.figures |= {
            "raw": proof.records.get("raw", 0), "clean": proof.records.get("clean", 0),
            "dead": proof.records.get("raw_dlq", 0), "predicted": proof.stream_predictions,
            "disordered": proof.disordered,
        }  # fmt: skip
        return proof

    def prove(self, *, by_key: bool = False, **expected: Any) -> Proof:
        """The proof, which must hold, with nothing left to do; `by_key`: with the order of every entity's records."""
        proof = self.audit()
        assert proof.holds, proof.to_dict()
        if by_key:
            order = self.fault.figures["order"] = order_by_key(self)
            assert order["keys"] > 0
            assert not (order["out_of_order_in_clean"] or order["out_of_order_in_predictions"]), order
        assert proof.waiting == 0, proof.to_dict()
        for role, count in expected.items():
            assert proof.records.get(role, 0) == count, (role, proof.records)
        return proof
