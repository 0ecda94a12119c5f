"""MLflow as a library: runs with their parameters, metrics, data set and model, and the registry's versions.

MLflow tells people what happened, and a version loads by MLflow's own API; nothing of the platform reads it back. The
aliases `champion` and `challenger` are a projection of `model-versions`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidemill.artifact.manifest import sha256
from tidemill.contracts.events.platform import DataSet
from tidemill_trainer.mlflow.model_form import write_model
from tidemill_trainer.mlflow.tidying import clear_away
from tidemill_trainer.training.tracker import Logged

LONGEST_VALUE = 500
"""MLflow refuses longer parameters."""

LONGEST_PROFILE = 16_000

CHAMPION, CHALLENGER = "champion", "challenger"
MODEL_FOLDER = "model"
"""Where a run keeps its model, as MLflow's own functions name it."""

RUN_TAG, VERSION_TAG, DIGEST_TAG = "tidemill.run_id", "tidemill.version", "tidemill.manifest_digest"

KIND_TAG = "mlflow.experimentKind"
"""MLflow's pages open an experiment without it as one of generative AI."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A version that an alias names, and its artifact."""

    version: int
    artifact_uri: str
    manifest_digest: str


class Tracking:
    """One tracking store. Import and first connection take seconds: made when the training process warms up."""

    def __init__(self, tracking_uri: str, files: str | None = None) -> None:
        """`files`: where experiments that are made here keep their files; not needed where a server says it."""
        from mlflow.tracking import MlflowClient

        self._files = files
        self._client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        self._client.search_experiments(max_results=1)

    def begin(self, model: str, run_id: str, tags: Mapping[str, str], name: str) -> str:
        """Begin a run in the model's experiment; runs that an earlier attempt left open are closed. Gives its id."""
        experiment = self._experiment(model)
        for left in self._client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}' and status = 'RUNNING'"):
            self._client.set_terminated(left.info.run_id, "KILLED")
        run = self._client.create_run(experiment, tags={RUN_TAG: run_id, **tags}, run_name=name)
        return str(run.info.run_id)

    def record(
        self,
        tracking_run: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        """Write parameters, metrics and tags in one go."""
        import time

        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        self._client.log_batch(
            tracking_run,
            metrics=[Metric(name, float(value), now, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)[:LONGEST_VALUE]) for name, value in params.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )

    def learned_from(
        self, tracking_run: str, model: str, data_set: DataSet, rows: int, schema: Mapping[str, str]
    ) -> None:
        """Tell the run's data set: a version of a Delta table, and the offsets behind it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {
            "path": data_set.table_uri, "delta_table_name": None, "delta_table_version": data_set.table_version,
            "is_databricks_uc_table": False,
        }  # fmt: skip
        offsets = [one.to_dict() for one in data_set.offsets]
        columns = [{"name": name, "type": kind, "required": False} for name, kind in schema.items()]
        told = Dataset(
            name=f"{model} rows, table version {data_set.table_version}",
            digest=sha256(json.dumps([source, offsets], sort_keys=True).encode())[:16],
            source_type="delta_table", source=json.dumps(source), schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": rows, "offsets": offsets})[:LONGEST_PROFILE],
        )  # fmt: skip
        self._client.log_inputs(tracking_run, [DatasetInput(told, [InputTag("mlflow.data.context", "training")])])

    def end(self, tracking_run: str, *, failed: bool = False, name: str = "") -> None:
        """Close the run; `name`: what it is called now that it is known what it led to."""
        if name:
            self._client.update_run(tracking_run, name=name)
        self._client.set_terminated(tracking_run, "FAILED" if failed else "FINISHED")

    def log_version(self, logged: Logged) -> None:
        """Put the model in MLflow's own form into its run and register it, once: an entry that another attempt of the
        same version made with other content gives way.
        """
        manifest = logged.manifest
        with tempfile.TemporaryDirectory() as folder:
            write_model(Path(folder), logged)
            self._client.log_artifacts(manifest.tracking_run, folder, MODEL_FOLDER)
        entries = self._entries(manifest.model, manifest.version)
        if any(entry.tags.get(DIGEST_TAG) == logged.digest for entry in entries):
            return
        source = f"{self._client.get_run(manifest.tracking_run).info.artifact_uri}/{MODEL_FOLDER}"
        self._client.create_model_version(
            manifest.model, source=source, run_id=manifest.tracking_run, description=logged.card,
            tags={
                VERSION_TAG: str(manifest.version), DIGEST_TAG: logged.digest, "tidemill.artifact": logged.uri,
                "tidemill.code": manifest.git_sha,
            },
        )  # fmt: skip
        for entry in entries:
            self._client.delete_model_version(manifest.model, entry.version)

    def restore_version(self, logged: Logged) -> None:
        """The same from an artifact alone; where this MLflow lacks its run, one is made that says what the manifest
        knows.
        """
        manifest = logged.manifest
        if self._has_run(manifest.tracking_run):
            self.log_version(logged)
            return
        tags = {
            "tidemill.cause": "restored",
            "tidemill.version": str(manifest.version),
            "tidemill.artifact": logged.uri,
        }
        run = self.begin(manifest.model, manifest.run_id, tags, f"{manifest.model} v{manifest.version} restored")
        self.record(run, {}, manifest.metrics, {})
        if manifest.data_set.get("table_uri"):
            rows = int(logged.reference.get("rows", 0))
            self.learned_from(run, manifest.model, DataSet.from_dict(manifest.data_set), rows, {})
        self.log_version(replace(logged, manifest=replace(manifest, tracking_run=run)))
        self.end(run)

    def has(self, model: str, arm: Arm) -> bool:
        """Whether MLflow has just this content as this version."""
        return any(e.tags.get(DIGEST_TAG) == arm.manifest_digest for e in self._entries(model, arm.version))

    def reconcile_aliases(self, model: str, arms: Mapping[str, Arm]) -> None:
        """Let the registry's aliases (champion, challenger) name the arms, which it has; an alias without an arm is
        taken away. Setting what is set already changes nothing, so it may be done again at any time.
        """
        self._registered(model)
        for alias in (CHAMPION, CHALLENGER):
            if alias not in arms:
                self._client.delete_registered_model_alias(model, alias)
                continue
            entry = self._entries(model, arms[alias].version)[0]
            self._client.set_registered_model_alias(model, alias, entry.version)

    def clear_away(self, model: str, keep: int) -> None:
        """See `tidying.clear_away`."""
        clear_away(self._client, self._experiment(model), model, keep)

    def _entries(self, model: str, version: int) -> list[Any]:
        """The registry's entries of a version of ours: one, or the old and the new one after a crash."""
        self._registered(model)
        found = self._client.search_model_versions(f"name = '{model}' and tags.`{VERSION_TAG}` = '{version}'")
        return sorted(found, key=lambda entry: -int(entry.version))

    def _registered(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(model)

    def _has_run(self, run: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(run) and self._client.get_run(run).info.lifecycle_stage == "active"
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        place = f"{self._files}/{model}" if self._files else None
        return str(self._client.create_experiment(model, place, {KIND_TAG: "custom_model_development"}))
