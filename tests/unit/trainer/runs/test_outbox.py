"""What became of runs is counted by who tells of it, since the process that made a run may be a Job that is gone."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client import REGISTRY

from tests.unit.trainer.fixtures import request
from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Output
from tidemill.service import Heartbeat
from tidemill_learning.admission import AdmissionDecision
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.outbox import Outbox, OutboxContext
from tidemill_trainer.runs.store import RunStore

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ROOT = Path(__file__).resolve().parents[4]


class Topic:
    """Where records would be written."""

    def __init__(self) -> None:
        self.written: list[Output] = []

    def publish_all(self, outputs: list[Output]) -> None:
        self.written += outputs


def counted(state: str) -> float:
    labels = {"model": "tide", "state": state}
    return REGISTRY.get_sample_value("tidemill_trainer_run_events_total", labels) or 0.0


def test_a_run_that_failed_is_counted_when_it_is_told_of_and_once(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'trainer.db'}")
    migrate(engine)
    runs = RunStore(engine, FixedClock(1_000_000), "trainer-0", lease_s=30, max_attempts=2)
    runs.admit(request("q1"), TRACE, lambda past: AdmissionDecision(True, "fine"))
    claim = runs.claim()
    assert claim is not None
    runs.fail(claim, "none of the events has a label")
    topic, schemas = Topic(), SchemaCatalog.load(ROOT / "schemas", {})
    nothing: Any = SimpleNamespace(untold=list)
    outbox = Outbox(
        OutboxContext(
            store=runs, alarms=nothing, alarms_topic="drift-events", publisher=topic,  # type: ignore[arg-type]
            codec=Codec(schemas), schemas=schemas, topic="retrain-runs", poll_s=0.1, stop=threading.Event(),
            heartbeat=Heartbeat(),
        )
    )  # fmt: skip
    failed, finished = counted("failed"), counted("finished")
    assert outbox.send() > 0
    assert (counted("failed"), counted("finished")) == (failed + 1, finished)
    assert outbox.send() == 0
    assert counted("failed") == failed + 1
