"""A model's table, its label time, and somebody who fits, releases and restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from opentelemetry.trace import NoOpTracer, Tracer
from sqlalchemy import select

from tests.support.models.toy_models import publish_files, sigmoid_graph, toy_manifest
from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, RECORD, SCHEMA, SPEC
from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, ArtifactStore, Golden, MixtureMember, OnnxModel
from tidemill.clock import FixedClock
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.telemetry.traceparent import format_traceparent
from tidemill_learning.admission import OPEN
from tidemill_learning.data_set.table_rows import event_rows, label_rows, with_traces
from tidemill_learning.mixture.graph import compose
from tidemill_learning.mixture.member import Member
from tidemill_trainer.admission.admission import Admission
from tidemill_trainer.assess.answers import Versions
from tidemill_trainer.assess.assessment import Assessment, AssessmentContext
from tidemill_trainer.assess.state import LabelTimeStore
from tidemill_trainer.assess.table_steps import TableSteps
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.mixture.shares import Shares
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import Claim, Outcome, RunStore
from tidemill_trainer.runs.tables import runs, takeovers

MINUTE = 60_000
DELAY = 30
"""Events by which labels are late."""


class Bench:
    """Rows e0, e1, ...: the label is whether the wind is above 0, turned round from event `change` on, and wrong in
    one case of ten. `observed_every`: minutes; labels become known in batches of so many. `torn`: from `change` on only
    every second label is turned round, by chance: no version knows it, and two that say the opposite know it best.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        *,
        rows: int,
        change: int,
        first_after: int = 300,
        spec: ModelSpec = SPEC,
        observed_every: int = 1,
        torn: bool = False,
    ) -> None:
        self.observed_every = observed_every
        rng = np.random.default_rng(7)
        self.wind = rng.normal(size=rows)
        wrong, turned = rng.random(rows) < 0.1, np.arange(rows) >= change
        self.label = (self.wind > 0) ^ (turned & (rng.random(rows) < 0.5) if torn else turned) ^ wrong
        self.spec = replace(spec, training=replace(spec.training, first_after=first_after))
        self.schemas = SchemaCatalog.load(root / "schemas", {})
        self.artifacts = (folder / "artifacts").as_uri()
        self.uri = (folder / "table").as_uri()
        self.table = TrainingTable(self.uri, SCHEMA, PARTS)
        self.engine = connect(f"sqlite:///{folder / 'trainer.db'}")
        migrate(self.engine)
        self.clock = FixedClock(1_000)
        self.serving: ModelVersion | None = None
        self.tracer: Tracer = NoOpTracer()
        self.traces: dict[int, tuple[int, int]] = {}
        """By event: the trace of its record, and that of its label's."""
        self.restart()

    def restart(self) -> None:
        """Everything in memory is lost."""
        self.store = RunStore(self.engine, self.clock, "trainer-0", 30, 100)
        self.store.release_own_leases()
        self.states = LabelTimeStore(self.engine, self.clock)
        self.admission = Admission(self.store, {"tide": self.spec}, Codec(self.schemas), self.schemas, self.clock)
        store = ArtifactStore(self.artifacts)
        versions = Versions("tide", "binary", store, lambda version: self.reference(version))
        context = AssessmentContext(
            spec=self.spec, steps=TableSteps(self.uri), versions=versions, store=self.states, admission=self.admission,
            published=lambda model: self.serving, has_version=self.store.has_version, clock=self.clock,
            tracer=self.tracer,
        )  # fmt: skip
        self.assessment = Assessment(context)

    def commit(self, first: int, end: int) -> None:
        """One commit with the events first to end, and the labels that are known by then."""
        known = range(max(0, first - DELAY), max(0, end - DELAY))
        rows = pa.concat_tables([self.events(range(first, end)), self.labels(known)])
        self.table.append(rows, {(CLEAN, 0): end, (LABELS, 0): max(0, end - DELAY)})

    def events(self, numbers: Sequence[int]) -> pa.Table:
        record = pa.record_batch(
            [
                pa.array([f"e{n}" for n in numbers], pa.string()),
                pa.array([n * MINUTE for n in numbers], pa.timestamp("ms", "UTC")),
                pa.array(["g" for _ in numbers], pa.string()),
                pa.array([float(self.wind[n]) for n in numbers], pa.float64()),
            ],
            schema=RECORD,
        )
        rows = event_rows(SCHEMA, self.spec, record, CLEAN, [0] * len(numbers), list(numbers))
        return self.traced(rows, numbers, 0)

    def labels(self, numbers: Sequence[int]) -> pa.Table:
        record = pa.record_batch(
            {
                "event_id": pa.array([f"e{n}" for n in numbers], pa.string()),
                "label": pa.array([bool(self.label[n]) for n in numbers], pa.bool_()),
                "event_time": pa.array([n * MINUTE for n in numbers], pa.timestamp("ms", "UTC")),
                "observed_at": pa.array([self.observed_at(n) for n in numbers], pa.timestamp("ms", "UTC")),
            }
        )
        return self.traced(label_rows(SCHEMA, record, LABELS, [0] * len(numbers), list(numbers)), numbers, 1)

    def traced(self, rows: pa.Table, numbers: Sequence[int], which: int) -> pa.Table:
        """The rows with the sampled contexts that `traces` has of them."""
        known = {(0, n): format_traceparent(self.traces[n][which], 1, True) for n in numbers if n in self.traces}
        return with_traces(rows, known)

    def observed_at(self, number: int) -> int:
        """When the label of this event is known, in ms."""
        return -(-(number + DELAY) // self.observed_every) * self.observed_every * MINUTE

    def fit(self, contest: Mapping[str, Any] | None = None) -> None:
        """Do the run that waits: the version knows the concept of its change point."""
        claim = self.store.claim()
        assert claim is not None
        version = self.store.version_of(claim)
        made = self.mixture(version, claim.mixture) if claim.mixture else self.toy(version, 3.0 * _sign(claim))
        outcome = Outcome("gate passed", (), {}, (0, 0), version, made.champion, "passed", contest)
        self.store.finish(claim, outcome)

    def toy(self, version: int, weight: float) -> ModelVersion:
        """A version that answers 1 / (1 + exp(-weight * wind))."""
        graph, manifest = sigmoid_graph("wind", weight), toy_manifest("tide", version, "wind")
        inputs = {"wind": np.array([[0.5], [-1.0]], dtype=np.float32)}
        golden = Golden(inputs, OnnxModel.load(graph, manifest).score(inputs))
        reference = json.dumps({"event_time": [0, 0]}).encode()
        files = {MODEL_FILE: graph, GOLDEN_FILE: golden.to_bytes(), REFERENCE_FILE: reference}
        return publish_files(self.artifacts, manifest, files, start_offsets=(0, 0))

    def mixture(self, version: int, shares: Shares) -> ModelVersion:
        """The version that answers with the weighted sum of these."""
        parts = [(self.reference(number), weight) for number, weight in shares]
        store = ArtifactStore(self.artifacts)
        members = [
            Member.of(store.fetch("tide", one.artifact_uri, one.manifest_digest), weight) for one, weight in parts
        ]
        made = compose(members)
        named = tuple(
            MixtureMember(version=one.version, weight=w, artifact_uri=one.artifact_uri, manifest_digest="0")
            for one, w in parts
        )
        manifest = replace(toy_manifest("tide", version, "wind"), mixture=named)
        inputs = {"wind": np.array([[0.5], [-1.0]])}
        golden = Golden(inputs, OnnxModel.load(made.graph, manifest).score(inputs))
        files = {
            MODEL_FILE: made.graph, GOLDEN_FILE: golden.to_bytes(),
            REFERENCE_FILE: json.dumps({"event_time": [0, 0]}).encode(),
        }  # fmt: skip
        return publish_files(self.artifacts, manifest, files, start_offsets=(0, 0))

    def reference(self, version: int) -> Any:
        found = self.store.artifact("tide", version)
        if found is None and self.serving is not None and self.serving.champion.version == version:
            return self.serving.champion
        return found[0] if found else None

    def turns(self, *, restart: bool = False) -> None:
        """Until nothing is left to do, with a release of every version that takes over; `restart`: before each."""
        while True:
            if restart:
                self.restart()
            if self.serving is None and self.reference(1) is not None:
                self.release(1)
            busy = self.assessment.turn()
            for one in self.states.open_takeovers():
                self.release(one.version)
                self.states.settle(one.takeover_id, "released")
            if not busy and not self.waits():
                return
            if self.waits():
                self.fit()

    def release(self, version: int) -> None:
        """It serves from now on."""
        epoch = self.serving.epoch + 1 if self.serving else 1
        self.serving = ModelVersion(
            model="tide", epoch=epoch, mode="direct", champion=self.reference(version), challenger=None,
            challenger_share=0.0, start_offsets=(0, 0), published_at=0,
        )  # fmt: skip

    def waits(self) -> bool:
        """Whether a run has been asked for and is not done."""
        return any(run.state in OPEN for run in self.store.past("tide"))

    def asked(self) -> list[tuple[Any, ...]]:
        """Cause, cut-off and change point of every request."""
        columns = (runs.c.request_id, runs.c.cause, runs.c.cut_off, runs.c.change_point, runs.c.state)
        with self.engine.begin() as connection:
            rows = connection.execute(select(*columns).order_by(runs.c.event_time))
            return [(*row[:3], json.dumps(row[3]), row[4]) for row in rows]

    def took_over(self) -> list[tuple[Any, ...]]:
        """Every takeover: what it was, and what came of it."""
        columns = (takeovers.c.takeover_id, takeovers.c.version, takeovers.c.over, takeovers.c.outcome)
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(takeovers.c.id))]

    def pool(self) -> tuple[int | None, list[int]]:
        """The version that serves in label time, and all that are scored, as they are written."""
        kept = self.states.load("tide")
        assert kept is not None
        found = kept.state["pool"]
        return found["champion"], [member["version"] for member in found["members"]]


def _sign(claim: Claim) -> float:
    return -1.0 if claim.change_point else 1.0
