"""One training, from the table to an artifact: what the training process does for a run."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactError,
    ArtifactStore,
    Bounds,
    Golden,
    Manifest,
    OnnxModel,
    check_golden,
    feature_columns,
    prove,
)  # fmt: skip
from tidemill.artifact.manifest import sha256
from tidemill.artifact.staging import Staged
from tidemill.clock import Clock
from tidemill.contracts.events.changes import ChangePoint as ToldChange
from tidemill.contracts.events.platform import Evidence, ModelRef
from tidemill.contracts.model_file import ModelSpec
from tidemill.service.footprint import give_back
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.lineage.environment import libraries
from tidemill_learning.lineage.revision import is_commit
from tidemill_learning.reference import reference_bytes
from tidemill_learning.training.train import Trained, train
from tidemill_trainer.assess.basis import rows_taken
from tidemill_trainer.mixture.version import Parts, version_of_mixture
from tidemill_trainer.release.transitions import UNREADABLE_CHAMPION
from tidemill_trainer.training.champion import ServingChampion
from tidemill_trainer.training.data_set import Loaded, load_data_set
from tidemill_trainer.training.imported import version_of_import
from tidemill_trainer.training.lineage import lineage_of
from tidemill_trainer.training.tracker import Logged, Tracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained: the run, where its rows are, and who must be beaten. `cut_off_ms`: label time asks, and
    what became known later is not for it; `change`: since when the rows tell of the world of now; `table_version`,
    `taken`: the rows that it had taken (`assess/basis.py`).
    """

    run_id: str
    model: str
    cause: str
    traceparent: str
    table_uri: str
    clean_topic: str
    partitions: tuple[tuple[str, int], ...]
    champion: ModelRef | None
    change: ChangePoint | None = None
    cut_off_ms: int | None = None
    table_version: int | None = None
    taken: int = 0


@dataclass(slots=True)
class Job:
    """Keeps a trained challenger between *train* and *export*: its version is only known once the gate let it
    pass.
    """

    specs: Mapping[str, ModelSpec]
    tracking: Tracker
    store: ArtifactStore
    clock: Clock
    git_sha: str
    bounds: Bounds = field(default_factory=Bounds)
    _held: tuple[Order, Loaded, Trained, str] | None = field(default=None)

    def train(self, order: Order) -> dict[str, Any]:
        """Load, learn and judge. Gives the facts for SQL as plain data. Raises `ValueError` where the data
        do not do.
        """
        spec = self.specs[order.model]
        name = f"{order.model} {order.cause}, begun {moment(self.clock.now_ms())}"
        tracking_run = self.tracking.begin(order.model, order.run_id, self._tags(order), name)
        try:
            began = time.monotonic()
            loaded = _load(order, spec)
            give_back()
            champion, unreadable = self._champion(order)
            trained = train(
                spec, loaded.rows, loaded.cut_off_ms, time.monotonic, champion, order.change,
                sequential=order.cut_off_ms is not None,
            )  # fmt: skip
            seconds = time.monotonic() - began
            self.tracking.record(
                tracking_run,
                _params(spec, loaded, trained),
                _metrics(trained, seconds),
                _facts(loaded, trained),
            )
            self.tracking.learned_from(
                tracking_run, order.model, loaded.data_set, loaded.rows.num_rows,
                {name: str(loaded.rows.schema.field(name).type) for name in loaded.rows.column_names},
            )  # fmt: skip
        except BaseException:
            self.tracking.end(tracking_run, failed=True, name=f"{name}, failed")
            raise
        give_back()
        self._held = (order, loaded, trained, tracking_run)
        alone = f"; {unreadable}; the new version waits for a person" if unreadable and trained.gate.passed else ""
        if not trained.gate.passed:
            told = f"{order.model} {order.cause} {moment(loaded.cut_off_ms)[:10]}, gate not passed"
            self.tracking.end(tracking_run, name=told)
        return {
            "passed": trained.gate.passed,
            "outcome": trained.outcome,
            "contest": _contest(trained, order.champion),
            "window": trained.window,
            "reason": trained.reason + alone,
            "gate": [evidence.to_dict() for evidence in (*_evidence(trained), *_unread(order, unreadable))],
            "champion_unreadable": bool(unreadable),
            "metrics": trained.metrics | _threshold(trained) | {"seconds": seconds} | trained.compared,
            "start_offsets": list(loaded.start_offsets),
            "candidate": trained.candidate,
            "rows": trained.rows,
            "data_set": loaded.data_set.to_dict(),
            "tracking_run": tracking_run,
        }

    def export(self, version: int) -> dict[str, Any]:
        """Write the artifact of the challenger that was trained last; gives its `ModelRef` as plain data."""
        if self._held is None:
            raise ValueError("nothing has been trained")
        order, loaded, trained, tracking_run = self._held
        spec = self.specs[order.model]
        manifest = self._manifest(spec, order, loaded, trained, tracking_run, version)
        golden = Golden(*trained.golden, trained.golden_tolerance)
        model = OnnxModel.load(trained.graph, manifest)
        check_golden(model, golden)
        prove(model, golden.inputs)
        uri = self.store.uri(order.model, version, order.run_id)
        files = {
            MODEL_FILE: trained.graph,
            REFERENCE_FILE: reference_bytes(trained.reference),
            GOLDEN_FILE: golden.to_bytes(),
        }
        digest = self.store.write(uri, files, manifest)
        stored = replace(manifest, files={name: sha256(data) for name, data in files.items()})
        self.tracking.record(tracking_run, {}, {}, {"tidemill.version": str(version), "tidemill.artifact": uri})
        how = f"Learned by {trained.candidate} after {order.cause}. Gate: {trained.reason}."
        self.tracking.log_version(Logged(spec, stored, files, uri, digest, how))
        newest = moment(loaded.cut_off_ms)[:10]
        self.tracking.end(tracking_run, name=f"{order.model} v{version} {order.cause} {newest}")
        self._held = None
        return ModelRef(
            version=version, artifact_uri=uri, manifest_digest=digest, run_id=order.run_id,
            tracking_run=tracking_run, data_set=loaded.data_set,
        ).to_dict()  # fmt: skip

    def import_staged(self, model: str, staged: Staged, version: int, run_id: str) -> dict[str, Any]:
        """Make a version of a model that was trained elsewhere; see `imported.version_of_import`."""
        return version_of_import(
            self.specs[model], staged, version, run_id,
            store=self.store, tracking=self.tracking, clock=self.clock, bounds=self.bounds,
        )  # fmt: skip

    def compose(self, order: Order, parts: Parts, version: int) -> dict[str, Any]:
        """Make a version of the mixture of others; see `mixture.version.version_of_mixture`."""
        spec = self.specs[order.model]
        return version_of_mixture(
            spec, order, _load(order, spec), parts, version, store=self.store, tracking=self.tracking,
            clock=self.clock, git_sha=self.git_sha, bounds=self.bounds,
        )  # fmt: skip

    def _champion(self, order: Order) -> tuple[ServingChampion | None, str]:
        """What serves, as the gate's rival; or why its artifact cannot be read, and whose it is. Raises OSError where
        the store is away, which passes.
        """
        if order.champion is None:
            return None, ""
        try:
            return ServingChampion.fetch(self.store, order.model, order.champion), ""
        except (ArtifactError, ValueError, KeyError, TypeError, IndexError) as error:
            said = str(error) if isinstance(error, ArtifactError) else repr(error)
            number, where = order.champion.version, order.champion.artifact_uri
            _log.error("version %d of %s, which serves, cannot be read: %s", number, order.model, said)
            return None, f"not held against version {number}, which serves: {where} cannot be read ({said})"

    def _manifest(
        self, spec: ModelSpec, order: Order, loaded: Loaded, trained: Trained, tracking_run: str, version: int
    ) -> Manifest:
        return Manifest(
            model=order.model, version=version, task=spec.target.task, output=trained.output,
            features=feature_columns(spec.features), classes=trained.classes,
            positive_class=trained.classes[1] if spec.target.task == "binary" else None,
            run_id=order.run_id, tracking_run=tracking_run, data_set=loaded.data_set.to_dict(),
            threshold=trained.threshold, class_weights=dict(trained.class_weights), metrics=trained.metrics,
            created_at=self.clock.now_ms(), git_sha=self.git_sha,
            window=trained.window, change_point=order.change.to_dict() if order.change else None,
            libraries=libraries(), lineage=lineage_of(spec, loaded, order.cause, order.champion, trained),
        )  # fmt: skip

    def _tags(self, order: Order) -> dict[str, str]:
        trace_id = order.traceparent.split("-")[1] if order.traceparent.count("-") == 3 else ""
        commit = {"mlflow.source.git.commit": self.git_sha} if is_commit(self.git_sha) else {}
        return {
            "tidemill.cause": order.cause, "tidemill.trace_id": trace_id, "tidemill.code": self.git_sha, **commit,
        }  # fmt: skip


def _load(order: Order, spec: ModelSpec) -> Loaded:
    version: int | None = None
    without: tuple[str, ...] = ()
    if order.table_version is not None:
        version, without = rows_taken(order.table_uri, order.table_version, order.taken)
    place = (order.table_uri, spec, order.clean_topic, order.partitions)
    loaded = load_data_set(*place, version=version, known_by_ms=order.cut_off_ms, without=without)
    change = ToldChange.from_dict(order.change.to_dict()) if order.change else None
    return replace(loaded, data_set=replace(loaded.data_set, change_point=change))


def _contest(trained: Trained, champion: ModelRef | None) -> dict[str, Any]:
    """What the hold-out tells label time: evidence against the champion (none without one), and which version that
    was; the target's spread.
    """
    found = trained.contest
    told = {"wealth": found.to_state(), "labels": found.labels} if found else {"wealth": None, "labels": 0}
    return told | {"spread": trained.spread, "against": champion.version if champion else None}


def moment(ms: int) -> str:
    """`2013-06-13 22:10:03`, in UTC."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _unread(order: Order, why: str) -> tuple[Evidence, ...]:
    if not why or order.champion is None:
        return ()
    return (
        Evidence(
            detector=UNREADABLE_CHAMPION,
            kind="gate",
            subject=f"version {order.champion.version}",
            statistic=0.0,
            threshold=1.0,
            detail=why,
        ),
    )


def _params(spec: ModelSpec, loaded: Loaded, trained: Trained) -> dict[str, object]:
    chosen = {f"{trained.candidate}.{name}": value for name, value in trained.params.items()}
    return {
        "candidate": trained.candidate, "seed": spec.training.seed, "split": spec.training.split,
        "newest": spec.training.newest, "cut_off_ms": loaded.cut_off_ms, "window": trained.window, **chosen,
        **{f"rows.{name}": count for name, count in trained.rows.items()},
    }  # fmt: skip


def _metrics(trained: Trained, seconds: float) -> dict[str, float]:
    tried = {
        f"tune.{k}.{t.candidate}.{name}": v
        for k, t in enumerate(trained.search.attempts)
        for name, v in t.metrics.items()
    }
    rival = {f"champion.{name}": value for name, value in trained.champion_metrics.items()}
    parity = {"parity.rows": float(trained.parity.rows), "parity.largest": trained.parity.largest}
    return trained.metrics | tried | rival | parity | _threshold(trained) | {"seconds": seconds}


def _threshold(trained: Trained) -> dict[str, float]:
    return {} if trained.threshold is None else {"threshold": trained.threshold}


def _facts(loaded: Loaded, trained: Trained) -> dict[str, str]:
    offsets = " ".join(f"{one.topic}/{one.partition}:{one.first}-{one.last}" for one in loaded.data_set.offsets)
    return {
        "tidemill.data_set.table": loaded.data_set.table_uri,
        "tidemill.data_set.version": str(loaded.data_set.table_version),
        "tidemill.data_set.offsets": offsets[:4_000],
        "tidemill.gate": "passed" if trained.gate.passed else "not passed",
    }


def _evidence(trained: Trained) -> list[Evidence]:
    return [
        Evidence(
            detector=result.rule, kind="gate", subject=result.metric, statistic=result.statistic,
            threshold=result.threshold, detail=result.detail,
        )
        for result in trained.gate.results
    ]  # fmt: skip
