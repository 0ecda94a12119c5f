"""MLflow as a projection of what the platform does: told when it is there, healed when it was not, never waited for.

Nothing of MLflow may stop a training or a release. So whatever it throws is a warning here, and after that it is left
alone for a while; what was missed is told again from the artifacts, which are the truth (`follow`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.contracts.events.platform import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill_trainer.mlflow.tracking import Arm, Tracking
from tidemill_trainer.training.tracker import Logged

_log = logging.getLogger(__name__)
T = TypeVar("T")

REST_S = 60.0
"""So long MLflow is left alone after it has failed."""

CALL_S, LONG_S = 30.0, 100.0
"""So long a call, or the first one and the aliases, are waited for."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow's client by itself tries for minutes; somebody's own values stand."""

FROM_ARTIFACT = "Told to MLflow from its artifact, after MLflow was away or new."


class Projection:
    """What the training process tells. `connect` makes the client; None where MLflow is off."""

    def __init__(
        self,
        connect: Callable[[], Tracking] | None,
        store: ArtifactStore,
        keep: int = 200,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._store = store
        self._keep = keep
        self._now = now
        self._tracking: Tracking | None = None
        self._rests_until = float("-inf")
        self._call = threading.Thread()

    def warm_up(self) -> None:
        """Import and connect now: that takes seconds."""
        self._told("the start", lambda tracking: None, LONG_S)

    def begin(self, model: str, run_id: str, tags: Mapping[str, str], name: str) -> str:
        """MLflow's id of the run; empty without MLflow, and then the calls below do nothing."""
        return self._told("a run", lambda tracking: tracking.begin(model, run_id, tags, name)) or ""

    def record(
        self, run: str, params: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """See `Tracking.record`."""
        self._of_run(run, "a run's numbers", lambda tracking: tracking.record(run, params, metrics, tags))

    def learned_from(self, run: str, model: str, data_set: DataSet, rows: int, schema: Mapping[str, str]) -> None:
        """See `Tracking.learned_from`."""
        self._of_run(run, "a data set", lambda tracking: tracking.learned_from(run, model, data_set, rows, schema))

    def log_version(self, logged: Logged) -> None:
        """See `Tracking.log_version`."""
        self._of_run(logged.manifest.tracking_run, "a version", lambda tracking: tracking.log_version(logged))

    def end(self, run: str, *, failed: bool = False, name: str = "") -> None:
        """See `Tracking.end`."""
        self._of_run(run, "a run's end", lambda tracking: tracking.end(run, failed=failed, name=name))

    def follow(self, spec: ModelSpec, arms: Mapping[str, Mapping[str, Any]]) -> None:
        """Let the aliases name the arms, each loadable: a version that MLflow lacks, or has otherwise, is made from its
        artifact. Then old runs are cleared away. Raises `OSError` where it has to be done again.
        """
        if self._connect is None:
            return
        told = {alias: Arm(**arm) for alias, arm in arms.items()}
        done = self._told("aliases", lambda tracking: self._follow(tracking, spec, told), LONG_S)
        if done is None:
            raise OSError("MLflow is away: its aliases will follow later")

    def _follow(self, tracking: Tracking, spec: ModelSpec, arms: Mapping[str, Arm]) -> bool:
        there = {
            alias: arm
            for alias, arm in arms.items()
            if tracking.has(spec.name, arm) or self._restored(tracking, spec, arm)
        }
        tracking.reconcile_aliases(spec.name, there)
        tracking.clear_away(spec.name, self._keep)
        return True

    def _restored(self, tracking: Tracking, spec: ModelSpec, arm: Arm) -> bool:
        try:
            artifact = self._store.fetch(spec.name, arm.artifact_uri, arm.manifest_digest)
        except ArtifactError as error:
            _log.warning("version %d of %s is not told to MLflow: %s", arm.version, spec.name, error)
            return False
        tracking.restore_version(
            Logged(spec, artifact.manifest, artifact.files, arm.artifact_uri, arm.manifest_digest, FROM_ARTIFACT)
        )
        return True

    def _of_run(self, run: str, what: str, tell: Callable[[Tracking], None]) -> None:
        if run:
            self._told(what, tell)

    def _told(self, what: str, tell: Callable[[Tracking], T], within_s: float = CALL_S) -> T | None:
        if self._connect is None or self._now() < self._rests_until or self._call.is_alive():
            return None
        outcome: list[T | Exception] = []
        self._call = threading.Thread(target=self._try, args=(tell, outcome), name="mlflow", daemon=True)
        self._call.start()
        within_s = within_s if self._tracking else LONG_S  # the first call imports and connects
        self._call.join(within_s)
        answer = outcome[0] if outcome else TimeoutError(f"no answer in {within_s:.0f} s")
        if not isinstance(answer, Exception):
            return answer
        self._rests_until = self._now() + REST_S
        said = " ".join(f"{type(answer).__name__}: {answer}".split())[:300]
        _log.warning("MLflow was not told of %s, and is left alone for %.0f s: %s", what, REST_S, said)
        return None

    def _try(self, tell: Callable[[Tracking], T], outcome: list[T | Exception]) -> None:
        """In a thread of its own: MLflow's clients have hours of retries of their own, for some stores."""
        try:
            if self._tracking is None and self._connect is not None:
                for name, value in PATIENCE.items():
                    os.environ.setdefault(name, value)
                self._tracking = self._connect()
            assert self._tracking is not None
            outcome.append(tell(self._tracking))
        except Exception as error:  # noqa: BLE001 - nothing of MLflow stops a training
            _log.debug("MLflow failed", exc_info=True)
            outcome.append(error)


def projection(tracking_uri: str, store: ArtifactStore, keep: int) -> Projection:
    """As the settings have it; an empty `tracking_uri` switches MLflow off."""
    if not tracking_uri:
        return Projection(None, store, keep)
    return Projection(lambda: Tracking(tracking_uri, files_of(tracking_uri, store.root)), store, keep)


def files_of(tracking_uri: str, artifacts: str) -> str | None:
    """Where new experiments keep their files: a server says it itself; beside a SQLite file, which is of this
    machine as they are; else beside the platform's artifacts.
    """
    if tracking_uri.startswith(("http://", "https://", "databricks")):
        return None
    if tracking_uri.startswith("sqlite:///"):
        return (Path(tracking_uri.removeprefix("sqlite:///")).resolve().parent / "mlflow-artifacts").as_uri()
    return f"{artifacts.rstrip('/')}-mlflow"
